// EXPECT: conversion|convert|viable|no match
#include "elegy/elegy.h"

struct Base {};
struct Derived : Base {};

void Narrow(const elegy::Persistent<Base>& base, elegy::Persistent<Derived>& derived) {
  derived = base;
}
