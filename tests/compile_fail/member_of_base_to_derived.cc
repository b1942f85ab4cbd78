// EXPECT: conversion|convert|viable|no match
#include "elegy/elegy.h"

struct Base {};
struct Derived : Base {};

elegy::Member<Derived> Narrow(const elegy::Member<Base>& base) { return base; }
