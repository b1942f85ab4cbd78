// Clang's thread-safety annotations; nothing for other compilers.

#ifndef ELEGY_INTERNAL_THREAD_ANNOTATIONS_H_
#define ELEGY_INTERNAL_THREAD_ANNOTATIONS_H_

#if defined(__clang__)
#define ELEGY_ANNOTATION(x) __attribute__((x))
#else
#define ELEGY_ANNOTATION(x)
#endif

#define ELEGY_CAPABILITY ELEGY_ANNOTATION(capability("mutex"))
#define ELEGY_SCOPED_CAPABILITY ELEGY_ANNOTATION(scoped_lockable)
#define ELEGY_GUARDED_BY(mutex) ELEGY_ANNOTATION(guarded_by(mutex))
#define ELEGY_PT_GUARDED_BY(mutex) ELEGY_ANNOTATION(pt_guarded_by(mutex))
#define ELEGY_REQUIRES(...) ELEGY_ANNOTATION(requires_capability(__VA_ARGS__))
#define ELEGY_EXCLUDES(...) ELEGY_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ELEGY_RETURN_CAPABILITY(mutex) ELEGY_ANNOTATION(lock_returned(mutex))
#define ELEGY_ACQUIRE(...) ELEGY_ANNOTATION(acquire_capability(__VA_ARGS__))
#define ELEGY_TRY_ACQUIRE(...) ELEGY_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define ELEGY_RELEASE(...) ELEGY_ANNOTATION(release_capability(__VA_ARGS__))
// For a function that lets go of a lock in an order that the analysis cannot follow.
#define ELEGY_NO_LOCK_ANALYSIS ELEGY_ANNOTATION(no_thread_safety_analysis)

#endif  // ELEGY_INTERNAL_THREAD_ANNOTATIONS_H_
