/* Handshakes: the control word, blocked mutators, attach and detach, holding everybody.
 *
 * README.md says what stands for what. Every step is one read-modify-write or load of a control
 * word or of `outstanding`, or a futex call; mutators_mutex is a lock. The collector runs cycle
 * after cycle; mutators work, block, leave and come back.
 *
 * Checked: a mutator's state belongs to one thread at a time; when a handshake has ended, every
 * attached mutator is in the state that its answer gives; while it holds them, none runs; no
 * process is stuck. With PROGRESS instead: cycles end again and again (weak fairness).
 *
 *   HOLD     each cycle holds all mutators once
 *   PROGRESS the collector never stops
 */
#define M 2

#define BLOCKED 8
#define SERVING 16
#define WAITING 32
#define REQUEST(word) ((word) & 7)

/* States, by the handshake that leads to them. */
#define H_BARRIER 1
#define H_SCAN 2
#define H_QUIESCE 4
#define H_HOLD 5

byte control[M];
bit asleep[M];
bit attached[M];
byte state[M];  /* what the last answer made of it */
bit running[M]; /* at work: between two safepoints */
bit served[M];  /* the collector changes its state */
bit mutex = 0;
byte newest = H_QUIESCE;
byte outstanding = 0;
bit collector_asleep = 0;
bit held = 0;
bit asleep_held[M];

inline enter() { atomic { !mutex -> mutex = 1 } }
inline leave() { mutex = 0 }

/* CountAnswer */
inline count_answer() {
  atomic {
    assert(outstanding > 0);
    outstanding--;
    last = (outstanding == 0)
  };
  if
  :: last -> collector_asleep = 0
  :: else
  fi;
  last = 0
}

/* AnswerIfAsked */
inline answer_if_asked() {
  word = control[m];
  if
  :: REQUEST(word) != 0 ->
     assert(!served[m]);
     if
     :: REQUEST(word) != H_HOLD -> state[m] = REQUEST(word)
     :: else
     fi;
     control[m] = control[m] & ~7;
     count_answer();
     do
     :: atomic { REQUEST(word) == H_HOLD && held -> asleep_held[m] = 1 };
        !asleep_held[m]
     :: atomic { REQUEST(word) != H_HOLD || !held -> break }
     od
  :: else
  fi;
  word = 0
}

/* EnterBlocked */
inline enter_blocked() {
  do
  :: atomic { REQUEST(control[m]) == 0 -> control[m] = control[m] | BLOCKED; break }
#ifdef BUG_BLOCKS_UNANSWERED
  :: atomic { REQUEST(control[m]) != 0 -> control[m] = control[m] | BLOCKED; break }
#else
  :: atomic { REQUEST(control[m]) != 0 -> skip }; answer_if_asked()
#endif
  od
}

/* LeaveBlocked; the futex sleeps only if the word is what it was. */
inline leave_blocked() {
#ifdef BUG_RETURNS_WHILE_SERVED
  control[m] = control[m] & ~BLOCKED;
#else
  do
  :: atomic { (control[m] & SERVING) == 0 -> control[m] = control[m] & ~BLOCKED; break }
  :: atomic { (control[m] & SERVING) != 0 -> control[m] = control[m] | WAITING; word = control[m] };
     atomic { if :: control[m] == word -> asleep[m] = 1 :: else fi };
     atomic { !asleep[m] -> word = 0 }
  od;
#endif
  answer_if_asked()
}

proctype Mutator(byte m) {
  byte word = 0;
  bit last = 0;

  do
  /* Work, which touches the mutator's state; then a safepoint. */
  :: attached[m] ->
     atomic { running[m] = 1; assert(!served[m]) };
     running[m] = 0;
     answer_if_asked()
  :: attached[m] ->
     enter_blocked();
     leave_blocked()
  :: attached[m] ->
     /* As one that waits for the collector. */
     enter_blocked();
     (outstanding == 0);
     leave_blocked()
  :: attached[m] ->
     /* Detach */
#ifdef BUG_DETACHES_UNBLOCKED
     answer_if_asked();
     enter();
#else
     enter_blocked();
     enter();
     leave_blocked();
#endif
     atomic { attached[m] = 0; state[m] = 0 };
     leave()
  :: !attached[m] ->
     enter();
#ifdef BUG_ATTACHES_AS_QUIET
     state[m] = H_QUIESCE;
#else
     state[m] = newest;
#endif
     atomic { attached[m] = 1; control[m] = 0 };
     leave()
  :: !attached[m] -> break
  od
}

/* BeginServing, Answer, EndServing for one that was blocked when it was asked. */
inline serve(i, kind) {
  if
  :: atomic { (control[i] & BLOCKED) != 0 && REQUEST(control[i]) == kind ->
       control[i] = control[i] | SERVING };
     served[i] = 1;
     if
     :: kind == H_HOLD -> served[i] = 0; kept[i] = 1
     :: else ->
        state[i] = kind;
        served[i] = 0;
        end_serving(i)
     fi;
     count_answer()
  :: atomic { (control[i] & BLOCKED) == 0 || REQUEST(control[i]) != kind -> skip }
  fi
}

inline end_serving(i) {
  atomic {
    waited = ((control[i] & WAITING) != 0);
    control[i] = control[i] & BLOCKED
  };
#ifndef BUG_NOT_WOKEN
  if :: waited -> asleep[i] = 0 :: else fi;
#endif
  waited = 0
}

inline post(kind) {
  outstanding = attached[0] + attached[1];
  if
  :: attached[0] -> atomic { was[0] = ((control[0] & BLOCKED) != 0); control[0] = control[0] | kind }
  :: else
  fi;
  if
  :: attached[1] -> atomic { was[1] = ((control[1] & BLOCKED) != 0); control[1] = control[1] | kind }
  :: else
  fi;
  if :: was[0] -> serve(0, kind) :: else fi;
  if :: was[1] -> serve(1, kind) :: else fi;
  was[0] = 0; was[1] = 0
}

/* AwaitAnswers */
inline await() {
  do
  :: left = outstanding;
     if
     :: left == 0 -> break
     :: else ->
        atomic { if :: outstanding == left -> collector_asleep = 1 :: else fi };
        !collector_asleep
     fi
  od
}

inline handshake(kind) {
  enter();
  newest = kind;
  post(kind);
  leave();
  await();
  /* With nobody about to attach or detach. */
  atomic {
    if
    :: !mutex ->
       assert(!attached[0] || state[0] == kind);
       assert(!attached[1] || state[1] == kind)
    :: else
    fi
  }
}

/* HoldScope */
inline hold() {
  enter();
  held = 1;
  post(H_HOLD);
  await();
  assert(!running[0] || !attached[0]);
  assert(!running[1] || !attached[1]);
  if :: kept[0] -> kept[0] = 0; end_serving(0) :: else fi;
  if :: kept[1] -> kept[1] = 0; end_serving(1) :: else fi;
  held = 0;
  asleep_held[0] = 0; asleep_held[1] = 0;
  leave()
}

proctype Collector() {
  bit was[M], kept[M];
  bit waited = 0, last = 0;
  byte left = 0;

  do
  :: true ->
#ifdef PROGRESS
progress:
     skip;
#endif
     handshake(H_BARRIER);
     handshake(H_SCAN);
#ifdef HOLD
     hold();
#ifdef BUG_HOLDS_TWICE_RUNNING
     hold();
#endif
#endif
     handshake(H_QUIESCE)
#ifndef PROGRESS
  :: break /* so that a mutator left asleep is seen */
#endif
  od
}

init {
  atomic {
    attached[0] = 1; state[0] = H_QUIESCE;
    run Mutator(0); run Mutator(1); run Collector()
  }
}
