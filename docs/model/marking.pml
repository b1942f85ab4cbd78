/* Marking, from the barrier to the flip: handshakes 1 to 3, the hybrid write barrier, black
 * allocation, stack scans, barrier buffers, termination, attach and detach.
 *
 * README.md says what stands for what. One cycle, from every heap that N cells and the mutators'
 * registers can form, to the flip. The mutators do what they like, as often as they like: nothing
 * counts their steps. One step of the model is at most one access to shared memory, or what one
 * lock makes one.
 *
 * Checked at the flip: all that is reachable is marked, nothing grey is left unmarked. Also: nobody
 * traces an object that is still under construction, and no process is stuck.
 *
 *   N        cells; cell 0 is a Persistent's target
 *   R        registers of a mutator, which stand for its stack too
 *   ALLOC    objects are constructed, with safepoints inside their constructors
 *   THIS     constructors hand out the objects that they are constructing (with ALLOC)
 *   ALONE    the second mutator is not attached
 *   DETACH   mutators detach and attach
 *   FULL     a buffer may be full, and handed over, at any push
 *   ASSIST   mutators help to mark
 *   ROLES    the first mutator constructs, the second helps to mark
 *   ANY_ORDER the marker takes any grey object, not the one with the lowest number
 *   LOST_ONLY checks the first of the two only: for the faults, to see objects lost
 *   SAFE_CAS stores are exchanges that check what they have shaded (then one handshake 1 is enough)
 */
#ifndef N
#define N 2
#endif
#ifndef R
#define R 1
#endif

#define M 2
#define NONE 7
#define ALL ((1 << N) - 1)
#define B(o) ((1 << (o)) & ALL) /* a set of one object, or of none */

/* Handshakes, by the values of `newest`. */
#define H_BARRIER 1
#define H_SCAN 2
#define H_ROUND 3

mtype = { Idle, Marking, WeakClosed };

mtype phase = Idle;
bit flag = 0; /* g_heaps_marking */
bit all_scanned = 1; /* left from the last cycle */
byte newest = 0;
bit lock = 0; /* mutators_mutex, where it is held for more than one step */
bit done = 0;

/* The heap. Sets of objects are bytes, a bit for each. */
byte allocated;
byte marked = 0;
byte field[N];

/* The marker's. */
byte grey = 0;       /* the worklist and the marker's stack */
byte candidates = 0; /* of all stack scans */
bit round_dirty = 0;

/* The mutators'. */
byte reg[M * R];
byte constructing[M]; /* an object, or NONE */
byte buffer[M];
bit dirty[M];
bit scanned[M]; /* and black allocation: both change in the same answer */
bit attached[M];
byte asked[M]; /* the handshake not answered yet */

#define REG(i) reg[m * R + (i)]

/* Which grey objects keep another one waiting. */
#ifdef ANY_ORDER
#define TURN(o) B(o)
#else
#define TURN(o) ((2 << (o)) - 1)
#endif

#ifdef ROLES
#define CONSTRUCTS (m == 0)
#define ASSISTS (m == 1)
#else
#define CONSTRUCTS true
#define ASSISTS true
#endif

#ifdef BUG_ASSIST_BEFORE_ALL_SCANNED
#define MAY_ASSIST scanned[m]
#else
#define MAY_ASSIST all_scanned
#endif

/* What a mutator's stack and registers, and the words of what it constructs, refer to. */
#if R > 1
#define HELD(m) (B(reg[(m) * R]) | B(reg[(m) * R + 1]))
#else
#define HELD(m) B(reg[m])
#endif

#ifdef BUG_UNFINISHED_NOT_SCANNED
#define SCAN_UNFINISHED skip
#else
#define SCAN_UNFINISHED                                                \
  if                                                                   \
  :: constructing[m] != NONE ->                                        \
     candidates = candidates | B(field[constructing[m]])               \
  :: else                                                              \
  fi
#endif

inline push(object) {
  dirty[m] = 1;
  buffer[m] = buffer[m] | B(object);
#ifdef FULL
  if
  :: grey = grey | buffer[m]; buffer[m] = 0
  :: skip
  fi
#endif
}

/* One load of the mark bit, and the mutator's own buffer. */
inline shade(object) {
  if
  :: B(object) != 0 && (marked & B(object)) == 0 -> push(object)
  :: else
  fi
}

inline hand_over_buffer() {
  if
  :: buffer[m] != 0 -> grey = grey | buffer[m]; buffer[m] = 0
  :: else
  fi
}

/* Of an object that has been found unmarked: who has marked it traces it now. */
inline check_traced(object) { assert(constructing[0] != object && constructing[1] != object) }

/* An answer is one step: it changes only what belongs to the mutator, and lists that the collector
 * reads once all have answered. */
inline scan() {
  candidates = candidates | HELD(m);
  SCAN_UNFINISHED;
#ifndef BUG_UNFINISHED_NOT_MARKED
  marked = marked | B(constructing[m]);
#endif
  scanned[m] = 1
}

proctype Mutator(byte m) {
  byte to = NONE;    /* the object stored to */
  byte value = NONE; /* what is stored; held by a register all the while */
  byte old = NONE;
#ifdef ASSIST
  byte work = NONE;
#endif

  do
  :: atomic { asked[m] == H_BARRIER ->
#ifdef BUG_BLACK_WITH_BARRIER
       scan();
#endif
       asked[m] = 0 }
  :: atomic { asked[m] == H_SCAN -> scan(); asked[m] = 0 }
  :: atomic { asked[m] == H_ROUND ->
       hand_over_buffer();
       if
       :: dirty[m] -> round_dirty = 1; dirty[m] = 0
       :: else
       fi;
       asked[m] = 0 }

  /* Loads from the global object and from a held one; the moves between registers that they need. */
  :: atomic { attached[m] && !done -> REG(0) = field[0] }
  :: atomic { attached[m] && !done && REG(0) < N -> REG(0) = field[REG(0)] }
  :: atomic { attached[m] && !done && REG(0) != NONE -> REG(0) = NONE }
#if R > 1
  :: atomic { attached[m] && !done && REG(0) != REG(1) ->
       old = REG(0); REG(0) = REG(1); REG(1) = old; old = NONE }
  :: atomic { attached[m] && !done && REG(0) != REG(1) -> REG(1) = REG(0) }
#endif

  /* A store: object and value are chosen, and the process's flag is looked at. */
  :: atomic { attached[m] && !done ->
       if
       :: to = 0; value = REG(0)
       :: to = 0; value = NONE
#if R > 1
       :: REG(1) < N && REG(1) != 0 -> to = REG(1); value = REG(0)
#else
       :: REG(0) < N && REG(0) != 0 -> to = REG(0); value = NONE
       :: REG(0) < N && REG(0) != 0 -> to = REG(0); value = REG(0)
#endif
       fi;
       if
       :: !flag -> goto store
       :: else
       fi };
  peek:
     old = field[to];
     if
     :: atomic { phase == Marking -> skip }
     :: atomic { phase != Marking -> old = NONE; goto store }
     fi;
#ifndef BUG_NO_DELETION
     atomic { shade(old) };
#endif
#ifndef BUG_NO_INSERTION
     atomic { if :: !scanned[m] -> shade(value) :: else fi };
#endif
#ifdef SAFE_CAS
     if
     :: atomic { field[to] == old -> field[to] = value; to = NONE; value = NONE; old = NONE }
     :: atomic { field[to] != old -> old = NONE; goto peek }
     fi;
     goto stored;
#endif
  store:
     atomic { field[to] = value; to = NONE; value = NONE; old = NONE };
  stored:
     skip

#ifdef ALLOC
  /* Make: a free cell of a claimed run (marked if black); its initialising stores have no barrier;
   * there may be safepoints before, between and after them. */
  :: atomic { CONSTRUCTS && attached[m] && !done && constructing[m] == NONE &&
              allocated != ALL ->
       to = 1;
       do
       :: (allocated & B(to)) != 0 -> to++
       :: else -> break
       od;
       allocated = allocated | B(to);
       field[to] = NONE;
#ifndef BUG_WHITE_ALLOCATION
       if :: scanned[m] -> marked = marked | B(to) :: else fi;
#endif
       constructing[m] = to; to = NONE }
  :: atomic { constructing[m] != NONE && field[constructing[m]] == NONE && REG(0) != NONE ->
       field[constructing[m]] = REG(0) }
#ifdef THIS
  :: atomic { constructing[m] != NONE && REG(0) != constructing[m] -> REG(0) = constructing[m] }
#endif
  :: atomic { constructing[m] != NONE -> REG(R - 1) = constructing[m]; constructing[m] = NONE }
#endif

#ifdef ASSIST
  /* Marks one object of the worklist; what it finds there is published. */
  :: atomic { ASSISTS && attached[m] && MAY_ASSIST && phase == Marking && grey != 0 ->
#ifndef BUG_ASSIST_NOT_DIRTY
       dirty[m] = 1;
#endif
       if
       :: (grey & B(0)) != 0 -> work = 0
       :: (grey & B(1)) != 0 -> work = 1
#if N > 2
       :: (grey & B(2)) != 0 -> work = 2
#endif
       fi;
       grey = grey & ~B(work) };
     atomic {
       if
       :: (marked & B(work)) == 0 -> marked = marked | B(work); check_traced(work)
       :: else -> work = NONE
       fi };
     if
     :: atomic { work != NONE ->
          if
          :: B(field[work]) != 0 -> grey = grey | B(field[work])
          :: else
          fi;
          work = NONE }
     :: atomic { work == NONE -> skip }
     fi
#endif

#ifdef DETACH
  /* Under mutators_mutex, with no request pending: the worklist's own lock is taken between. */
  :: atomic { attached[m] && !done && asked[m] == 0 && !lock && constructing[m] == NONE ->
       lock = 1;
       REG(0) = NONE; REG(R - 1) = NONE };
#ifdef BUG_DETACH_KEEPS_BUFFER
     buffer[m] = 0;
#else
     atomic { hand_over_buffer() };
#endif
     atomic {
       if :: dirty[m] -> round_dirty = 1; dirty[m] = 0 :: else fi;
       scanned[m] = 0; attached[m] = 0; lock = 0 }
  :: atomic { !attached[m] && !done && !lock ->
       attached[m] = 1;
#ifndef BUG_ATTACH_AS_NEW
       scanned[m] = (newest >= H_SCAN)
#endif
     }
#endif

  :: atomic { done && asked[m] == 0 && constructing[m] == NONE -> break }
  od
}

inline ask(kind) {
  atomic {
    !lock -> newest = kind;
#ifdef BUG_ROUND_FORGETS_DETACHED
    round_dirty = 0;
#endif
    if :: attached[0] -> asked[0] = kind :: else fi;
    if :: attached[1] -> asked[1] = kind :: else fi
  }
}

inline await() { (asked[0] == 0 && asked[1] == 0) }

/* Takes a grey object and marks it; then reads its slot. */
inline take(object) {
  grey = grey & ~B(object);
  if
  :: (marked & B(object)) == 0 -> marked = marked | B(object); at = object; check_traced(object)
  :: else
  fi
}

inline check_at_flip() {
  d_step {
    reach = B(0) | HELD(0) | HELD(1) | B(constructing[0]) | B(constructing[1]);
    i = 0;
    do
    :: i < N ->
       j = 0;
       do
       :: j < N ->
          if
          :: (reach & B(j)) != 0 -> reach = reach | B(field[j])
          :: else
          fi;
          j++
       :: else -> break
       od;
       i++
    :: else -> break
    od;
    assert((reach & ~marked) == 0);
#ifndef LOST_ONLY
    assert(((grey | buffer[0] | buffer[1]) & ~marked) == 0);
#endif
    reach = 0; i = 0; j = 0
  }
}

proctype Collector() {
  byte at = NONE;
  byte reach = 0, i = 0, j = 0;

  /* TurnBarrierOn */
  atomic { !lock -> newest = H_BARRIER };
  flag = 1;
#ifndef BUG_FLAG_CLEARED_LATE
  all_scanned = 0;
#endif
  phase = Marking;
#ifdef BUG_FLAG_CLEARED_LATE
  all_scanned = 0;
#endif
#ifndef BUG_NO_HANDSHAKE_1
  ask(H_BARRIER); await();
#ifndef BUG_HANDSHAKE_1_ONCE
  ask(H_BARRIER); await();
#endif
#endif

#ifdef BUG_FLAG_SET_EARLY
  all_scanned = 1;
#endif
  ask(H_SCAN); await();
  all_scanned = 1;
  atomic { grey = grey | candidates | B(0); candidates = 0 };

  /* MarkToTheEnd */
  do
  :: do
     :: atomic { at == NONE && (grey & B(0)) != 0 -> take(0) }
     :: atomic { at == NONE && (grey & (TURN(1))) == B(1) -> take(1) }
#if N > 2
     :: atomic { at == NONE && (grey & (TURN(2))) == B(2) -> take(2) }
#endif
#if N > 3
     :: atomic { at == NONE && (grey & (TURN(3))) == B(3) -> take(3) }
#endif
     :: atomic { at == NONE && grey == 0 -> break }
     :: atomic { at != NONE -> grey = grey | B(field[at]); at = NONE }
     od;
     ask(H_ROUND); await();
     atomic {
       if
#ifndef BUG_ROUND_IGNORES_DIRTY
       :: round_dirty -> round_dirty = 0
#endif
       :: else -> phase = WeakClosed; check_at_flip(); break
       fi
     }
  od;
  done = 1
}

#ifdef ALONE
#define MAY_HOLD(i) ((i) < R)
#else
#define MAY_HOLD(i) true
#endif

init {
  atomic {
    /* Every heap: cells from 1 to the last allocated one, any fields, any registers. */
    byte i = 0, last;
    select (last : 0 .. N - 1);
    allocated = (1 << (last + 1)) - 1;
    do
    :: i < N ->
       field[i] = NONE;
       if
       :: i <= last ->
          if
          :: field[i] = NONE
          :: last >= 1 -> field[i] = 1
#if N > 2
          :: last >= 2 -> field[i] = 2
#endif
          fi
       :: else
       fi;
       i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < M * R ->
       if
       :: reg[i] = NONE
       :: last >= 1 && MAY_HOLD(i) -> reg[i] = 1
#if N > 2
       :: last >= 2 && MAY_HOLD(i) -> reg[i] = 2
#endif
       fi;
       i++
    :: else -> break
    od;
    constructing[0] = NONE; constructing[1] = NONE;
    attached[0] = 1;
#ifndef ALONE
    attached[1] = 1;
#endif
    i = 0; last = 0;
    run Mutator(0); run Mutator(1); run Collector()
  }
}
