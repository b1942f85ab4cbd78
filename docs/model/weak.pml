/* Weak reads against termination, the flip, clearing and sweeping.
 *
 * README.md says what stands for what. Cell 0 is the root, 1 is the target of both weak cells, 2 is
 * what the target refers to (unless LEAF: then it refers to nothing). Stores are one step here, with
 * their barrier: marking.pml looks inside them.
 *
 * The flag all_scanned is left from the last cycle. Who sees it clear while the heap is marking
 * shades what he reads, and counts nothing: its mark is the marker's.
 *
 * Checked: what is reachable at the flip is marked; once some read has answered null, no read that
 * hands out the target ends, and no question that begins later, finds it alive; what the sweep frees
 * is in nobody's hands; no read hands out a cell that has been freed; nothing is traced that is
 * still under construction.
 *
 *   LEAF      the target refers to nothing
 *   NO_STORES the root's slot does not change
 *   QUESTION  mutators ask IsCleared, too
 *   INLINE    mutators that are not scanned read without a look at the phase, too
 *   THIS      the first mutator is constructing the target, which has been handed out already
 */
#define M 2
#define NONE 7
#define ALL 7
#define TARGET 1
#define B(o) ((1 << (o)) & ALL)

#define H_BARRIER 1
#define H_SCAN 2
#define H_ROUND 3
#define H_QUIESCE 4

#ifdef BUG_LEAF_NOT_COUNTED
#define LEAF_IS_NOT_COUNTED true
#else
#define LEAF_IS_NOT_COUNTED false
#endif

#ifdef BUG_INLINE_WHILE_SCANNED
#define INLINE_ALLOWED true
#else
#define INLINE_ALLOWED (!scanned[m])
#endif

mtype = { Idle, Marking, WeakClosed };

/* The phase word. */
mtype phase = Idle;
byte resurrections = 0;

bit all_scanned = 1;

byte field[3]; /* of cell 0: anything; of cell 1: constant */
byte marked = 0;
byte weak_cell[2];

byte grey = 0;
byte candidates = 0;
bit round_dirty = 0;

byte reg[M];
byte buffer[M];
bit dirty[M];
bit scanned[M];
byte asked[M];

bit answered_null = 0; /* some weak read has found the target dead */
bit freed = 0;         /* the target's cell has been swept */
bit reused = 0;        /* and holds another object */
bit unfinished = 0;    /* the target's constructor runs, in the first mutator */
bit done = 0;

#ifdef THIS
#define SCAN_UNFINISHED                                                \
  if                                                                   \
  :: m == 0 && unfinished ->                                           \
     candidates = candidates | B(field[TARGET]);                       \
     marked = marked | B(TARGET)                                       \
  :: else                                                              \
  fi
#else
#define SCAN_UNFINISHED skip
#endif

inline shade(object) {
  if
  :: B(object) != 0 && (marked & B(object)) == 0 ->
     dirty[m] = 1; buffer[m] = buffer[m] | B(object)
  :: else
  fi
}

/* Who finds an object unmarked and marks it has it traced, maybe at once. */
inline mark_to_trace(object) {
  assert(!(unfinished && object == TARGET));
  marked = marked | B(object)
}

/* How a read ends. */
inline hand_out(object) {
  assert(!answered_null);
  assert(!freed);
  reg[m] = object; target = NONE; mark = 0; word_phase = Idle; word_count = 0
}
inline answer_null() {
  answered_null = 1;
  reg[m] = NONE; target = NONE; mark = 0; word_phase = Idle; word_count = 0
}

proctype Mutator(byte m) {
  byte target = NONE;
  byte which = 0;
  byte word_count = 0;
  mtype word_phase = Idle;
  bit mark = 0;
#ifdef QUESTION
  bit late = 0; /* a null had been answered before this question began */
#endif

  do
  :: atomic { asked[m] == H_BARRIER -> asked[m] = 0 }
  :: atomic { asked[m] == H_SCAN ->
       candidates = candidates | B(reg[m]);
       SCAN_UNFINISHED;
       scanned[m] = 1; asked[m] = 0 }
  :: atomic { asked[m] == H_ROUND ->
       if
       :: buffer[m] != 0 -> grey = grey | buffer[m]; buffer[m] = 0
       :: else
       fi;
       if
       :: dirty[m] -> round_dirty = 1; dirty[m] = 0
       :: else
       fi;
       asked[m] = 0 }
  :: atomic { asked[m] == H_QUIESCE -> scanned[m] = 0; asked[m] = 0 }

  :: atomic { !done && field[0] != reg[m] -> reg[m] = field[0] }
  :: atomic { !done && reg[m] == TARGET && field[TARGET] != NONE -> reg[m] = field[TARGET] }
  :: atomic { !done && reg[m] != NONE -> reg[m] = NONE }
#ifndef NO_STORES
  :: atomic { !done && field[0] != reg[m] ->
       if
       :: phase == Marking ->
          shade(field[0]);
          if :: !scanned[m] -> shade(reg[m]) :: else fi
       :: else
       fi;
       field[0] = reg[m] }
#endif

#ifdef THIS
  :: atomic { m == 0 && unfinished -> reg[m] = TARGET; unfinished = 0 }
#endif

  /* WeakCell::Read */
  :: atomic { !done ->
       if
       :: which = 0
       :: which = 1
       fi };
     if
     :: atomic { phase == Idle -> skip };
        atomic {
          target = weak_cell[which];
          if
          :: target == NONE -> answer_null()
          :: else -> hand_out(target)
          fi;
          which = 0 };
        goto over
     :: atomic { phase != Idle -> skip }
     fi;
  again:
#ifdef BUG_CELL_BEFORE_PHASE
     target = weak_cell[which];
#endif
#ifdef BUG_MARK_BEFORE_PHASE
     mark = ((marked & B(weak_cell[which])) != 0);
#endif
     atomic { word_phase = phase; word_count = resurrections };
#ifndef BUG_CELL_BEFORE_PHASE
     target = weak_cell[which];
#endif
     if
     :: atomic { target == NONE -> answer_null(); which = 0 }
     :: atomic { target != NONE && word_phase == Idle -> hand_out(target); which = 0 }
     :: atomic { target != NONE && word_phase != Idle -> skip };
#ifndef BUG_MARK_BEFORE_PHASE
        mark = ((marked & B(target)) != 0);
#endif
        if
        :: atomic { mark -> hand_out(target); which = 0 }
        :: atomic { !mark && word_phase == WeakClosed -> answer_null(); which = 0 }
        :: atomic { !mark && word_phase == Marking -> skip };
           if
           :: atomic { !all_scanned -> skip };
              atomic {
#ifndef BUG_EARLY_READ_NOT_SHADED
                shade(target);
#endif
                hand_out(target); which = 0; goto over }
           :: atomic { all_scanned -> skip }
           fi;
#ifndef BUG_RESURRECTION_NOT_COUNTED
           if
           :: atomic { phase == Marking && resurrections == word_count ->
                resurrections++ }
           :: atomic { phase != Marking || resurrections != word_count ->
                target = NONE; word_phase = Idle; word_count = 0; goto again }
           fi;
#endif
           /* Resurrect */
           atomic {
             if
             :: LEAF_IS_NOT_COUNTED && field[target] == NONE -> marked = marked | B(target)
             :: else ->
                dirty[m] = 1;
                if
                :: (marked & B(target)) == 0 ->
                   mark_to_trace(target);
#ifndef BUG_RESURRECTED_NOT_TRACED
                   buffer[m] = buffer[m] | B(target)
#endif
                :: else
                fi
             fi;
             hand_out(target); which = 0
           }
        fi
     fi;
  over:
     skip

#ifdef INLINE
  /* WeakRef::Deref, inline: no safepoint lies between the look at `scanned` and the read */
  :: atomic { !done && INLINE_ALLOWED ->
       if
       :: which = 0
       :: which = 1
       fi };
     target = weak_cell[which];
     atomic {
       if
       :: target == NONE -> answer_null()
       :: else -> hand_out(target)
       fi;
       which = 0 }
#endif

#ifdef QUESTION
  /* WeakCell::Peek */
  :: atomic { !done -> late = answered_null; word_phase = phase };
     target = weak_cell[0];
     if
     :: atomic { target == NONE -> answered_null = 1 }
     :: atomic { target != NONE && word_phase != WeakClosed -> assert(!late) }
     :: atomic { target != NONE && word_phase == WeakClosed ->
          if
          :: (marked & B(target)) != 0 -> assert(!late)
          :: else -> answered_null = 1
          fi }
     fi;
     atomic { target = NONE; word_phase = Idle; late = 0 }
#endif

  /* After the sweep, in its turn as an owner of the block: allocation from the freed cell. Its bit
   * is set in the bitmap of this cycle's marks, which holds what is allocated now. */
  :: atomic { freed && !reused && asked[m] == 0 -> reused = 1; marked = marked | B(TARGET) }

  :: atomic { done && asked[m] == 0 -> break }
  od
}

inline handshake(kind) {
  atomic { asked[0] = kind; asked[1] = kind };
  (asked[0] == 0 && asked[1] == 0)
}

inline take(object) {
  grey = grey & ~B(object);
  at = object;
  if
  :: (marked & B(object)) == 0 -> mark_to_trace(object)
  :: else
  fi
}

inline check_at_flip() {
  d_step {
    reach = B(0) | B(reg[0]) | B(reg[1]) | B(field[0]);
    if :: unfinished -> reach = reach | B(TARGET) :: else fi;
    if :: (reach & B(TARGET)) != 0 -> reach = reach | B(field[TARGET]) :: else fi;
    assert((reach & ~marked) == 0);
    reach = 0
  }
}

proctype Collector() {
  byte at = NONE, reach = 0, count = 0;

#ifndef BUG_FLAG_CLEARED_LATE
  all_scanned = 0;
#endif
  atomic { phase = Marking; resurrections = 0 };
#ifdef BUG_FLAG_CLEARED_LATE
  all_scanned = 0;
#endif
  handshake(H_BARRIER);
#ifdef BUG_FLAG_SET_EARLY
  all_scanned = 1;
#endif
  handshake(H_SCAN);
  all_scanned = 1;
  /* Candidates are marked; handles are pushed. */
  atomic { grey = grey | candidates | B(0); candidates = 0 };

  do
  :: do
     /* An entry that is marked already has been traced, unless a weak read has tagged it; tracing
      * twice does no harm, so the model does not tell the two apart. */
     :: atomic { at == NONE && (grey & B(0)) != 0 -> take(0) }
     :: atomic { at == NONE && (grey & B(1)) != 0 -> take(1) }
     :: atomic { at == NONE && (grey & B(2)) != 0 -> take(2) }
     :: atomic { at != NONE -> grey = grey | (B(field[at]) & ~marked); at = NONE }
     :: atomic { at == NONE && grey == 0 -> break }
     od;
     count = resurrections;
     handshake(H_ROUND);
#ifdef BUG_COUNT_READ_AFTER_ROUND
     count = resurrections;
#endif
     if
     :: atomic { round_dirty -> round_dirty = 0 }
     :: atomic { !round_dirty ->
          if
          :: phase == Marking && resurrections == count ->
             phase = WeakClosed; resurrections = 0; count = 0; check_at_flip(); break
          :: else
          fi }
     fi
  od;

#ifdef BUG_IDLE_BEFORE_CLEARING
  phase = Idle;
#endif
  /* ClearIfDead: mutators do not write these cells. */
  atomic { if :: (marked & B(TARGET)) == 0 -> weak_cell[0] = NONE :: else fi };
  atomic { if :: (marked & B(TARGET)) == 0 -> weak_cell[1] = NONE :: else fi };
  phase = Idle;
#ifndef BUG_NO_HANDSHAKE_4
  handshake(H_QUIESCE);
#endif
  /* The sweep. */
  atomic {
    if
    :: (marked & B(TARGET)) == 0 ->
       assert(reg[0] != TARGET && reg[1] != TARGET);
       assert(field[0] != TARGET);
       freed = 1
    :: else
    fi
  };
  done = 1
}

init {
  atomic {
    byte i;
    for (i : 0 .. 1) {
      reg[i] = NONE;
      weak_cell[i] = TARGET
    }
    field[1] = NONE; field[2] = NONE;
#ifndef LEAF
    field[TARGET] = 2;
#endif
    if :: field[0] = NONE :: field[0] = TARGET fi;
    if :: reg[0] = TARGET :: skip fi;
#ifdef THIS
    unfinished = 1;
#endif
    i = 0;
    run Mutator(0); run Mutator(1); run Collector()
  }
}
