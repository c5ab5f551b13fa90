// Streams whose events say when they were sent, and a client that says how long each was on its way.
//
// stamped source PORT
//   GET /...?count=60&gap=0.05 is answered by a stream of server-sent events: data: {"n": I, "sent": T}, T being the instant before
//   the write() that sends it (CLOCK_MONOTONIC, in ns), one write and one chunk an event, gap seconds apart, the first at once.
//
// stamped client PORT REQUEST COUNT RAMP_S EVENTS LIMIT_S
//   Opens COUNT streams, spread evenly over RAMP_S, each with the bytes of the file REQUEST, and notes for each event the instant after
//   the read that brought its last byte, less T. A stream is complete if it was answered 200 and ended in order with events 0 to EVENTS - 1.
//   Its answer is one JSON object: "all" events, and those that were sent while every stream ran ("steady"). Times are in ms.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define ROOM 65536

static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static struct sockaddr_in loopback(const char *port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int poll_set;
static struct epoll_event ready[1024];

static void watch(int descriptor, void *whom, int events, int how) {
    struct epoll_event interest = {.events = events, .data.ptr = whom};
    epoll_ctl(poll_set, how, descriptor, &interest);
}

static void nodelay(int descriptor) {
    int one = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// The source. All streams have the same gap, so whoever was played last is due last: a queue is in order by itself.

typedef struct stream {
    int descriptor, count, sent, is_gone;
    long due, gap;
    struct stream *next;
} stream;

static stream *first, *last;

static void put(stream *s, const char *data, int size) {
    if (write(s->descriptor, data, size) != size) s->is_gone = 1;  // whoever does not read is not what is measured
}

static void play(stream *s) {
    char data[128], chunk[160];
    int size = sprintf(data, "data: {\"n\": %d, \"sent\": %ld}\n\n", s->sent, now());
    put(s, chunk, sprintf(chunk, "%x\r\n%s\r\n", size, data));
    if (++s->sent == s->count) {
        put(s, "0\r\n\r\n", 5);
        return;
    }
    s->due += s->gap;
    s->next = 0;
    last = *(first ? &last->next : &first) = s;
}

static void answer(stream *s) {
    static char request[8192];
    ssize_t size = read(s->descriptor, request, sizeof request - 1);
    if (size <= 0) {
        close(s->descriptor);
        s->is_gone = 1;  // a stream that is queued is dropped when it is due
        return;
    }
    request[size] = 0;
    char *count = strstr(request, "count="), *gap = strstr(request, "gap=");
    if (!count || !gap) {
        put(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38);
        return;
    }
    s->count = atoi(count + 6), s->sent = 0, s->gap = atof(gap + 4) * 1e9, s->due = now();
    put(s, HEAD, sizeof HEAD - 1);
    play(s);
}

static int source(char **argv) {
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct sockaddr_in address = loopback(argv[2]);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) return perror("bind"), 1;
    watch(listener, &listener, EPOLLIN, EPOLL_CTL_ADD);
    watch(timer, &timer, EPOLLIN, EPOLL_CTL_ADD);
    for (;;) {
        int count = epoll_wait(poll_set, ready, 1024, -1);
        for (int i = 0; i < count; i++) {
            long expired;
            if (ready[i].data.ptr == &timer) {
                if (read(timer, &expired, sizeof expired) < 0) continue;
            } else if (ready[i].data.ptr == &listener) {
                for (int descriptor; (descriptor = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0;) {
                    nodelay(descriptor);
                    stream *s = calloc(1, sizeof *s);
                    s->descriptor = descriptor;
                    watch(descriptor, s, EPOLLIN, EPOLL_CTL_ADD);
                }
            } else answer(ready[i].data.ptr);
        }
        while (first && first->due <= now()) {
            stream *s = first;
            first = s->next;
            if (!s->is_gone) play(s);
        }
        if (first) {
            struct itimerspec at = {.it_value = {first->due / 1000000000L, first->due % 1000000000L}};
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, 0);
        }
    }
}

// The client.

typedef struct {
    int descriptor, events, is_wrong, size;
    enum { CONNECTING, IN_HEAD, IN_BODY, OVER } state;
    long left;         // bytes of a chunk that are still to come; -1: its size is next
    char *rest;        // what was read and is not whole yet: of the head, or of a chunk's size
    char event[512];   // what there is of the next event
} client;

typedef struct {
    long sent, came;
} passage;

static passage *passages;
static long noted, all_begun, first_over;
static int begun, wrong, complete, failed, count, expected;

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_delays(const char *name, long from, long until) {
    double *values = malloc(sizeof(double) * (noted + 1));
    long n = 0;
    for (long i = 0; i < noted; i++)
        if (passages[i].sent >= from && passages[i].sent < until) values[n++] = (passages[i].came - passages[i].sent) * 1e-6;
    qsort(values, n, sizeof(double), compare);
#define AT(q) (n ? values[(long)((n - 1) * (q) + 0.5)] : 0)
    printf(", \"%s\": {\"count\": %ld, \"min\": %.4f, \"p50\": %.4f, \"p90\": %.4f, \"p99\": %.4f, \"p99.9\": %.4f, \"max\": %.4f}", name, n,
           AT(0), AT(.5), AT(.9), AT(.99), AT(.999), AT(1));
}

static void note(client *c, long at) {
    int number;
    long sent;
    if (sscanf(c->event, "data: {\"n\": %d, \"sent\": %ld}", &number, &sent) != 2 || number != c->events || number >= expected) {
        c->is_wrong = 1;
        return;
    }
    passages[noted++] = (passage){sent, at};
    if (!c->events++ && ++begun == count) all_begun = at;
}

static void feed(client *c, const char *data, size_t size, long at) {  // a piece of the body
    for (size_t i = 0; i < size; i++) {
        int length = strlen(c->event);
        if (length + 2 > (int)sizeof c->event) c->event[0] = 0, c->is_wrong = 1, length = 0;
        c->event[length] = data[i], c->event[length + 1] = 0;
        if (data[i] == '\n' && length && c->event[length - 1] == '\n') note(c, at), c->event[0] = 0;
    }
}

static int over(client *c, int in_order) {
    if (in_order && !first_over) first_over = now();
    if (!in_order) failed++;
    else if (c->is_wrong || c->events != expected) wrong++;
    else complete++;
    close(c->descriptor);
    c->state = OVER;
    return 1;
}

static int take(client *c) {  // whether the stream is over
    static char buffer[2 * ROOM];
    memcpy(buffer, c->rest, c->size);
    ssize_t size = recv(c->descriptor, buffer + c->size, ROOM - 1, 0);
    long at = now();
    if (size <= 0) return size < 0 && errno == EAGAIN ? 0 : over(c, 0);
    char *from = buffer, *end = buffer + c->size + size, *line;
    *end = 0;
    if (c->state == IN_HEAD && (line = strstr(from, "\r\n\r\n"))) {
        if (strncmp(from, "HTTP/1.1 200", 12)) c->is_wrong = 1;
        from = line + 4, c->state = IN_BODY, c->left = -1;
    }
    while (c->state == IN_BODY && from < end) {
        if (c->left < 0) {
            if (!(line = memmem(from, end - from, "\r\n", 2))) break;
            c->left = strtol(from, 0, 16), from = line + 2;
            if (!c->left) return over(c, 1);
        } else if (c->left > 0) {
            long piece = end - from < c->left ? end - from : c->left;
            feed(c, from, piece, at);
            from += piece;
            if (!(c->left -= piece)) c->left = -2;  // its line end is next
        }
        if (c->left == -2) {
            if (end - from < 2) break;
            from += 2, c->left = -1;
        }
    }
    c->size = end - from;
    if (c->size > 4096) return over(c, 0);
    memcpy(c->rest, from, c->size);
    return 0;
}

static int dial(client *c, const char *port) {
    struct sockaddr_in address = loopback(port);
    c->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    c->rest = malloc(8192);
    if (c->descriptor < 0) return 0;
    nodelay(c->descriptor);
    if (connect(c->descriptor, (void *)&address, sizeof address) && errno != EINPROGRESS) return 0;
    watch(c->descriptor, c, EPOLLOUT, EPOLL_CTL_ADD);
    return 1;
}

static int read_all(char **argv) {
    static char request[8192];
    FILE *file = fopen(argv[3], "rb");
    if (!file) return perror(argv[3]), 1;
    size_t size = fread(request, 1, sizeof request, file);
    count = atoi(argv[4]), expected = atoi(argv[6]);
    double ramp = atof(argv[5]), limit = atof(argv[7]);
    client *clients = calloc(count, sizeof *clients);
    passages = malloc(sizeof *passages * ((long)count * expected + 1));
    int opened = 0, live = 0;
    long start = now();
    while ((opened < count || live) && (now() - start) * 1e-9 < limit) {
        double due = ramp > 0 ? (now() - start) * 1e-9 / ramp * count + 1 : count;
        for (int burst = 0; opened < count && opened < due && burst < 64; burst++)
            if (dial(&clients[opened++], argv[2])) live++;
            else failed++;
        int number = epoll_wait(poll_set, ready, 1024, opened < count ? 1 : 20);
        for (int i = 0; i < number; i++) {
            client *c = ready[i].data.ptr;
            if (c->state != CONNECTING) live -= take(c);
            else if (send(c->descriptor, request, size, MSG_NOSIGNAL) == (ssize_t)size)
                c->state = IN_HEAD, watch(c->descriptor, c, EPOLLIN, EPOLL_CTL_MOD);
            else live -= over(c, 0);
        }
    }
    printf("{\"streams\": %d, \"complete\": %d, \"wrong\": %d, \"failed\": %d, \"unfinished\": %d", count, complete, wrong, failed, live);
    print_delays("all", 0, 1L << 62);
    print_delays("steady", all_begun ? all_begun : 1L << 62, first_over ? first_over : 1L << 62);
    puts("}");
    return 0;
}

int main(int argc, char **argv) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    poll_set = epoll_create1(0);
    if (argc == 3 && !strcmp(argv[1], "source")) return source(argv);
    if (argc == 8 && !strcmp(argv[1], "client")) return read_all(argv);
    fputs("stamped source|client ...: the top of stamped.c has the arguments\n", stderr);
    return 2;
}
