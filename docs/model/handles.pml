/* Handles on threads that are not attached, which answer no handshake.
 *
 * README.md says what stands for what. Two strong handles refer to object 1 or to nothing; a thread
 * that is not attached copies and nulls them, by stores that shade under the root table's lock. A
 * mutator reads them. The collector reads them one by one.
 *
 * Checked at the flip: what handles and the mutator refer to is marked, and what it refers to.
 */
#define NONE 7
#define OBJECT 1
#define B(o) ((1 << (o)) & 6)

mtype = { Idle, Marking, WeakClosed };

mtype phase = Idle;
byte resurrections = 0; /* modulo 8: the thread is in at most one store at a time */
byte handle[2];
bit table_lock = 0;
byte shaded = 0;
byte marked = 0;
byte grey = 0;
bit done = 0;
byte reg = NONE; /* the mutator's */
bit asked = 0;   /* to scan its stack */

inline enter() { atomic { !table_lock -> table_lock = 1 } }
inline leave() { table_lock = 0 }

/* ShadeLocked: nothing to do for what is marked; else counts first, so that it wins or loses against the flip. */
inline shade_locked(object) {
  do
  :: atomic { object == NONE -> break }
  :: atomic { object != NONE -> word_phase = phase; word_count = resurrections };
     if
     :: word_phase != Marking -> break
     :: else
     fi;
     if
     :: (marked & B(object)) != 0 -> break
     :: else
     fi;
#ifdef BUG_NOT_COUNTED
     atomic { shaded = shaded | B(object); break }
#else
     if
     :: atomic { phase == Marking && resurrections == word_count ->
          resurrections = (resurrections + 1) % 8; shaded = shaded | B(object); break }
     :: atomic { phase != Marking || resurrections != word_count -> skip }
     fi
#endif
  od;
  word_phase = Idle; word_count = 0
}

/* Stores to one handle what the other one held, or nothing; the caller holds a reference only
 * through handles. */
proctype Outsider() {
  mtype word_phase = Idle;
  byte word_count = 0, to, value, old;

  do
  :: done -> break
  :: !done ->
     if :: to = 0 :: to = 1 fi;
     if
     :: value = handle[1 - to]
     :: handle[1 - to] != NONE -> value = NONE
     fi;
     enter();
     old = handle[to];
#ifndef BUG_OLD_NOT_SHADED
     shade_locked(old);
#endif
     handle[to] = value;
     leave();
     to = 0; value = 0; old = 0
  od
}

proctype Mutator() {
  do
  :: atomic { asked -> grey = grey | B(reg); asked = 0 }
  :: atomic { !done && reg != handle[0] -> reg = handle[0] }
  :: atomic { !done && reg != handle[1] -> reg = handle[1] }
  :: done -> break
  od
}

proctype Collector() {
  byte count = 0, taken = 0;

  atomic { phase = Marking; resurrections = 0 };
#ifndef BUG_NO_PASS_THROUGH
  enter();
  leave();
#endif
  asked = 1;
  !asked;
  /* ForEach: a chunk at a time; here the two handles are in different chunks. */
  enter(); grey = grey | B(handle[0]); leave();
  enter(); grey = grey | B(handle[1]); leave();
  do
  :: atomic { grey = grey | shaded; shaded = 0 };
     if :: (grey & B(OBJECT)) != 0 -> marked = marked | B(OBJECT); grey = B(2) | grey :: else fi;
     if :: (grey & B(2)) != 0 -> marked = marked | B(2) :: else fi;
     grey = 0;
     /* TryToFlip; the mutators' rounds are in marking.pml. */
#ifdef BUG_TAKEN_BEFORE_COUNT
     atomic { !table_lock -> taken = shaded; shaded = 0 };
     count = resurrections;
#else
     count = resurrections;
     atomic { !table_lock -> taken = shaded; shaded = 0 };
#endif
     if
     :: taken != 0 -> grey = grey | taken; taken = 0
     :: else ->
        if
        :: atomic { phase == Marking && resurrections == count ->
             phase = WeakClosed;
             assert(reg == NONE || (marked & B(OBJECT)) != 0);
             assert(handle[0] == NONE || (marked & B(OBJECT)) != 0);
             assert(handle[1] == NONE || (marked & B(OBJECT)) != 0);
             assert((marked & B(OBJECT)) == 0 || (marked & B(2)) != 0) };
           break
        :: atomic { phase != Marking || resurrections != count -> skip }
        fi
     fi
  od;
  done = 1
}

init {
  atomic {
    handle[0] = OBJECT; handle[1] = NONE;
    run Outsider(); run Mutator(); run Collector()
  }
}
