#pragma once
// No feature macro here: the C library's headers must read as they do for Swift's own view of them.
#include <libpq-fe.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

// A macro with a cast, which is not imported.
static inline void breezeway_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }

// Declared for GNU sources alone, which Swift's own view of pthread.h is not.
extern int pthread_setname_np(pthread_t, const char *);
static inline void breezeway_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
