/* Conservative candidates against cells that are claimed and given back, and those whose constructors
 * have thrown.
 *
 * README.md says what stands for what. One cell of a block with two owners, one after the other at
 * most, and a word in some stack that names it whatever it holds. The marker's tests and the owners'
 * changes of the two bits are single steps; locks make them more where the code has locks.
 *
 * Checked: the marker never traces a cell that holds no whole object; the sweep never destroys what
 * is none; afterwards the bits that the next cycle starts from say what the cell holds. One whose
 * constructor has thrown stays allocated to the next cycle's end, and longer if something marks it.
 */
#define M 2

#define H_SCAN 2
#define H_QUIESCE 4

mtype = { Free, Claimed, Building, Object, Failed };

mtype cell = Free; /* what it truly holds */
bit allocated = 0; /* in the old bitmap */
bit marked = 0;
bit owned = 0;     /* the block has an owner */
bit lock = 0;      /* candidates_mutex */
bit word = 0;      /* a scan has found the word: a candidate */
bit failing = 0;   /* the constructor had thrown when the cycle began */
byte asked[M];
byte finished = 0;

inline enter() { atomic { !lock -> lock = 1 } }
inline leave() { lock = 0 }

proctype Mutator(byte m) {
  bit own = 0, constructing = 0, black = 0, quiet = 0;

  do
  /* BlackenRuns; objects under construction are marked, too. */
  :: atomic { asked[m] == H_SCAN ->
       if :: word = 1 :: skip fi;
#ifndef BUG_RUNS_NOT_BLACKENED
       if :: own || constructing -> marked = 1 :: else fi;
#endif
       black = 1; asked[m] = 0 }

  /* BeginEpoch: the rest of the run is given back, the block given up. */
  :: atomic { asked[m] == H_QUIESCE && own && !constructing -> goto give_back }
  :: atomic { asked[m] == H_QUIESCE && (!own || constructing) ->
       if :: own -> own = 0; owned = 0 :: else fi;
       black = 0; quiet = 1; asked[m] = 0 }

  /* ClaimRun, from a block that nobody owns. From handshake 4 on it has to be swept first. */
  :: atomic { !quiet && asked[m] != H_QUIESCE && !owned && cell == Free && !allocated ->
       own = 1; owned = 1; cell = Claimed };
#ifdef BUG_ALLOCATED_BEFORE_MARKED
     allocated = 1;
     atomic { if :: black -> marked = 1 :: else fi }
#else
     atomic { if :: black -> marked = 1 :: else fi };
     allocated = 1
#endif

  /* Make, to the end or to an exception, with safepoints inside. No safepoint lies between the
   * exception and the mark. */
  :: atomic { own && cell == Claimed -> cell = Building; constructing = 1 }
  :: atomic { constructing -> cell = Object; constructing = 0; own = 0 }
  :: atomic { constructing -> constructing = 0; own = 0; cell = Failed };
#ifndef BUG_FAILED_NOT_MARKED
     marked = 1;
#endif
     skip

  /* Detaching; another mutator may go on with the block. */
  :: atomic { own && !constructing && asked[m] == 0 -> skip };
  give_back:
#ifndef BUG_GIVE_BACK_WITHOUT_LOCK
     enter();
#endif
     cell = Free;
     allocated = 0;
     atomic { if :: black -> marked = 0 :: else fi };
#ifndef BUG_GIVE_BACK_WITHOUT_LOCK
     leave();
#endif
     atomic { own = 0; owned = 0 }

  :: atomic { quiet && !own && !constructing && asked[m] == 0 -> break }
  od;
  finished++
}

inline handshake(kind) {
  atomic { asked[0] = kind; asked[1] = kind };
  (asked[0] == 0 && asked[1] == 0)
}

/* Tracing a cell that holds no object reads garbage; one under construction is scanned by its
 * mutator, and marked, so that nobody else traces it. One whose constructor has thrown is looked up
 * before it is traced. */
#ifdef BUG_FAILED_TRACED
inline process() { assert(cell == Object) }
#else
inline process() { assert(cell == Object || cell == Failed) }
#endif

inline free_failing() {
  if
  :: failing && !marked -> allocated = 0; atomic { cell = Free; failing = 0 }
  :: failing && marked -> failing = 0
  :: else
  fi
}

proctype Collector() {
  bit test = 0, live = 0, was = 0;

  handshake(H_SCAN);

  /* MarkCandidate */
  if
  :: word ->
#ifndef BUG_CANDIDATE_WITHOUT_LOCK
     enter();
#endif
     test = allocated;
     if
     :: test ->
        if
        :: atomic { !marked -> marked = 1; process() }
        :: atomic { marked -> skip }
        fi
     :: else
     fi;
#ifndef BUG_CANDIDATE_WITHOUT_LOCK
     leave();
#endif
     test = 0
  :: else
  fi;

  /* Much later, after the flip. */
  handshake(H_QUIESCE);
  free_failing();

  /* SweepBlock */
  live = marked;
  was = allocated;
  atomic {
    if
    :: was && !live -> assert(cell == Object); cell = Free
    :: else
    fi
  };
  atomic { if :: !was -> marked = 0 :: else fi };
  allocated = 0;
  /* What the next cycle takes for allocated, once everybody has come to the end of what he was at. */
  (finished == M);
  assert(!marked || cell == Object || cell == Failed);
  assert((cell != Object && cell != Failed) || marked);
  assert(!failing)
}

init {
  if
  :: skip
  :: cell = Failed; allocated = 1; failing = 1
  :: cell = Failed; allocated = 1; /* too late for this cycle, but before the swap */
#ifndef BUG_FAILED_NOT_MARKED_AT_THE_SWAP
     marked = 1
#endif
  fi;
  atomic { run Mutator(0); run Mutator(1); run Collector() }
}
