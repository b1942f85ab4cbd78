/* A weak handle that knows its target's address, and the number of the phase Idle in which its node
 * was seen to hold it.
 *
 * README.md says what stands for what. Readers read one handle, each with or without its node, and
 * keep what they get, on their stacks, until they let go of it or not; a strong reference is dropped
 * at some moment. The collector runs three cycles in a row, in one of which the target dies. A weak
 * read that resurrects is one step here: weak.pml has its parts. The target may be condemned, and
 * dies then though it is marked and held.
 *
 * Checked: what was dead when a read began, it does not return; and unless it is condemned, the
 * target does not die while a reader has it.
 */
#define READERS 2
#define CYCLES 3

mtype = { Idle, Marking, WeakClosed };

mtype phase = Idle;
byte number = 1;
bit cell = 1;   /* the node's: whether it holds the target */
byte seen = 0;  /* the handle's */
bit strong = 1;
bit marked = 0;
bit condemned = 0;
bit dead = 0;
bit asked[READERS];
bit has[READERS];
bit done = 0;

inline get() { atomic { assert(!was_dead && (!dead || condemned)); has[id] = 1 } }

inline read_node() {
  do
  :: atomic { word_phase = phase };
     if
     :: cell == 0 -> break
     :: atomic { cell == 1 && word_phase == Idle -> is_there = 1 }; break
     :: atomic { cell == 1 && word_phase == Marking && marked -> is_there = 1 }; break
     :: atomic { cell == 1 && word_phase == Marking && !marked && phase == Marking ->
          marked = 1; is_there = 1 };
        break
     :: atomic { cell == 1 && word_phase == Marking && !marked && phase != Marking -> skip }
     :: atomic { cell == 1 && word_phase == WeakClosed -> is_there = !dead }; break
     fi
  od
}

proctype Reader(byte id) {
  mtype word_phase = Idle;
  byte word_number = 0;
  bit is_there = 0, was_dead = 0, is_idle = 0;

  do
  :: done -> break
  :: atomic { asked[id] -> if :: has[id] -> marked = 1 :: else fi; asked[id] = 0 }
  :: atomic { has[id] -> has[id] = 0 }
  :: atomic { !done -> was_dead = dead };
#ifdef BUG_NUMBER_BEFORE_PHASE
     word_number = number;
     word_phase = phase;
#else
     word_phase = phase;
     word_number = number;
#endif
#ifdef BUG_ANY_PHASE
     word_phase = Idle;
#endif
     if
     :: atomic { word_phase == Idle && word_number == seen -> is_there = 1 }
     :: atomic { word_phase != Idle || word_number != seen -> skip };
        is_idle = (phase == Idle);
#ifdef BUG_STAMPED_IN_ANY_PHASE
        is_idle = 1;
#endif
        read_node();
        if
        :: is_there && is_idle -> word_number = number; seen = word_number
        :: else
        fi
     fi;
     if
     :: is_there -> get()
     :: else
     fi;
     atomic { word_phase = Idle; word_number = 0; is_there = 0; was_dead = 0; is_idle = 0 }
  od
}

inline ask_all() {
  atomic { asked[0] = 1; asked[1] = 1 };
  atomic { !asked[0] && !asked[1] -> skip }
}

proctype Collector() {
  byte cycle = 0;

  do
  :: cycle == CYCLES -> break
  :: cycle < CYCLES ->
     atomic { marked = 0; phase = Marking };
     if
     :: strong -> marked = 1
     :: else
     fi;
     ask_all(); /* handshakes 2 and 3 */
     atomic {
       phase = WeakClosed;
       if :: !marked || condemned -> dead = 1 :: else fi;
       assert(!dead || condemned || (!has[0] && !has[1]))
     };
     if
     :: dead -> cell = 0
     :: else
     fi;
#ifdef BUG_IDLE_BEFORE_NUMBER
     phase = Idle;
     number++;
#else
#ifndef BUG_NUMBER_STAYS
     number++;
#endif
     phase = Idle;
#endif
     ask_all(); /* handshake 4 */
     cycle++
  od;
  done = 1
}

init {
  atomic {
    run Reader(0); run Reader(1); run Collector()
  };
  if
  :: strong = 0
  :: condemned = 1 /* in the next cycle, which may have begun: earlier than in the code */
  fi
}
