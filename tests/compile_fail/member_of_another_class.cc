// EXPECT: conversion|convert|viable|no match
#include "elegy/elegy.h"

struct One {};
struct Two {};

void Assign(elegy::Member<One>& one, Two* two) { one = two; }
