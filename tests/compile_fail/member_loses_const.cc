// EXPECT: conversion|convert|viable|no match
#include "elegy/elegy.h"

struct Node {};

elegy::Member<Node> Unlock(const elegy::Member<const Node>& node) { return node; }
