/* Filing a pending ephemeron against marking its key.
 *
 * README.md says what stands for what. Two markers and a mutator. Marker A traces a map, under the
 * map's lock; B marks the key, and then the next key of a chain: the first entry's value is the key
 * of the second. The mutator may insert the first entry while they do.
 *
 * Checked, once all three are done: whatever A has seen of the map, the values of marked keys are
 * marked. (An entry inserted later is the insertion barrier's affair, or its inserter's stack's.)
 *
 *   INSERTED the first entry is inserted while the markers are at work
 */
#define KEY 0    /* of the first entry */
#define MIDDLE 1 /* value of the first, key of the second */
#define LAST 2   /* value of the second */
#define B(o) (1 << (o))

byte marked = 0;
byte has_weak_keys = 0; /* the flag of each object's block */
byte entries = 0;       /* in the map, by their keys */
byte filed = 0;         /* by their keys */
byte seen = 0;          /* entries that A met */
bit map_lock = 0;
bit shard_lock[2];      /* keys fall into different shards */
byte finished = 0;

inline enter(lock) { atomic { !lock -> lock = 1 } }
inline leave(lock) { lock = 0 }

/* IsMarkedOrFile; then the value is pushed. */
inline look_at(key) {
  if
  :: atomic { (marked & B(key)) != 0 -> work = work | B(key + 1) }
  :: atomic { (marked & B(key)) == 0 -> skip };
#ifdef BUG_TEST_OUTSIDE_LOCK
     test = ((marked & B(key)) != 0);
     enter(shard_lock[key]);
#else
     enter(shard_lock[key]);
#ifdef BUG_NO_SECOND_TEST
     test = 0;
#else
     test = ((marked & B(key)) != 0);
#endif
#endif
     if
     :: test -> work = work | B(key + 1)
     :: else -> filed = filed | B(key)
     fi;
     leave(shard_lock[key]);
     test = 0
  fi
}

/* Process: who sets the mark looks for what is filed, and then at the map for the value. */
inline look_for_filed(key) {
  if
  :: (has_weak_keys & B(key)) != 0 ->
     enter(shard_lock[key]);
     atomic {
       test = ((filed & B(key)) != 0);
       filed = filed & ~B(key)
     };
     leave(shard_lock[key]);
     if
     :: test ->
        enter(map_lock);
        if :: (entries & B(key)) != 0 -> work = work | B(key + 1) :: else fi;
        leave(map_lock)
     :: else
     fi;
     test = 0
  :: else
  fi
}

inline mark_one(o) {
  work = work & ~B(o);
#ifdef BUG_LOOK_BEFORE_MARK
  if :: o != LAST -> look_for_filed(o) :: else fi;
#endif
  if
  :: atomic { (marked & B(o)) == 0 -> marked = marked | B(o) };
#ifndef BUG_LOOK_BEFORE_MARK
     if :: o != LAST -> look_for_filed(o) :: else fi
#else
     skip
#endif
  :: atomic { (marked & B(o)) != 0 -> skip }
  fi
}

inline drain() {
  do
  :: (work & B(KEY)) != 0 -> mark_one(KEY)
  :: (work & B(MIDDLE)) != 0 -> mark_one(MIDDLE)
  :: (work & B(LAST)) != 0 -> mark_one(LAST)
  :: work == 0 -> break
  od
}

proctype MarkerA() {
  byte work = 0;
  bit test = 0;

  enter(map_lock);
  if
  :: (entries & B(MIDDLE)) != 0 -> seen = seen | B(MIDDLE); look_at(MIDDLE)
  :: else
  fi;
  if
  :: (entries & B(KEY)) != 0 -> seen = seen | B(KEY); look_at(KEY)
  :: else
  fi;
  leave(map_lock);
  drain();
  finished++
}

proctype MarkerB() {
  byte work = B(KEY);
  bit test = 0;

  drain();
  finished++
}

#ifdef INSERTED
/* The flag is set before the entry can be found. The model's map lock does not order the two, so
 * that the fault is one of order: in the code the lock covers A, but not B. */
proctype Inserter() {
  enter(map_lock);
#ifdef BUG_FLAG_AFTER_INSERTION
  entries = entries | B(KEY);
  leave(map_lock);
  has_weak_keys = has_weak_keys | B(KEY);
#else
  has_weak_keys = has_weak_keys | B(KEY);
  entries = entries | B(KEY);
  leave(map_lock);
#endif
  finished++
}
#define PROCESSES 3
#else
#define PROCESSES 2
#endif

init {
  atomic {
    entries = B(MIDDLE);
    has_weak_keys = B(MIDDLE);
#ifndef INSERTED
    entries = entries | B(KEY);
    has_weak_keys = has_weak_keys | B(KEY);
#endif
    run MarkerA(); run MarkerB();
#ifdef INSERTED
    run Inserter()
#endif
  };
  (finished == PROCESSES);
  assert((marked & B(KEY)) != 0);
  assert((seen & B(KEY)) == 0 || (marked & B(MIDDLE)) != 0);
  assert((marked & B(MIDDLE)) == 0 || (marked & B(LAST)) != 0)
}
