// A load client that costs little and counts exactly. Its answer is one JSON object on stdout.
//
// load_client streams PORT REQUEST COUNT RAMP_S FIRST_MS GAP_MS EVENTS LIMIT_S [WORDS_FROM [SLOW_REQUEST SLOW_COUNT SLOW_EVENTS STOP_AFTER PAUSE_MS]]
//   Opens COUNT server-sent-event streams, spread evenly over RAMP_S, each with the bytes of the file REQUEST. Event i
//   (from 0) of a stream is due at  t + FIRST_MS + i * GAP_MS,  t being the instant before its request is sent. Lateness is the instant
//   after the read that brought the event's last byte, less that: it holds the way through the kernel and this client's own delay.
//   "data: [DONE]" has no instant of its own and is not counted. A stream is complete if it was answered 200 and ended in order with EVENTS events.
//   WORDS_FROM >= 0: event i >= WORDS_FROM, but the last one, must contain "w<i - WORDS_FROM> ", else the stream is wrong.
//   Two lines come before the result, when all streams have had an event and when the first has ended: events so far.
//   SLOW_COUNT further streams, in between, send SLOW_REQUEST (SLOW_EVENTS events), stop reading after STOP_AFTER events, for PAUSE_MS, and then read on.
//   They have an Ethernet's segment size and a small window, so that what they do not read waits at the server.
//
// load_client requests PORT REQUEST CONNECTIONS SECONDS
//   Sends REQUEST over and over on each of CONNECTIONS, the next one when its reply (200, with a Content-Length) is whole.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    char *data;
    size_t size;
} text;

typedef struct {
    int descriptor, events, is_slow, is_wrong;
    enum { CONNECTING, HEAD, BODY, PAUSED, OVER } state;
    double sent, resume;
    size_t written, length;
    text rest;  // read, but not yet whole
} client;

typedef struct {
    double *values;
    size_t count, room;
} series;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void note(series *s, double value) {
    if (s->count == s->room) s->values = realloc(s->values, sizeof(double) * (s->room = s->room ? 2 * s->room : 65536));
    s->values[s->count++] = value;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(series *s, double q) { return s->count ? s->values[(size_t)((s->count - 1) * q + 0.5)] : 0; }

static void print_series(const char *name, series *s) {
    if (s->count) qsort(s->values, s->count, sizeof(double), compare);
    printf(", \"%s\": {\"count\": %zu, \"min\": %.4f, \"p50\": %.4f, \"p90\": %.4f, \"p99\": %.4f, \"p99.9\": %.4f, \"max\": %.4f, \"quantiles\": [",
           name, s->count, quantile(s, 0), quantile(s, .5), quantile(s, .9), quantile(s, .99), quantile(s, .999), quantile(s, 1));
    for (int i = 0; i <= 200; i++) printf("%s%.4f", i ? ", " : "", quantile(s, i / 200.0));
    // As HdrHistogram plots them: ever finer towards the end, down to the last single value. Shares above, values.
    printf("], \"percentiles\": [");
    double above = 1;
    for (; above * s->count >= 1; above *= 0.7943282347) printf("%s[%.8f, %.4f]", above < 1 ? ", " : "", above, quantile(s, 1 - above));
    printf("]}");
}

static text read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) perror(path), exit(2);
    text t = {malloc(1 << 20), 0};
    t.size = fread(t.data, 1, 1 << 20, file);
    fclose(file);
    return t;
}

static int poll_set;

static void watch(client *c, int events, int how) {
    struct epoll_event interest = {.events = events, .data.ptr = c};
    epoll_ctl(poll_set, how, c->descriptor, &interest);
}

// The kernel looks for a free port among half of those that there are, and then among the rest, one by one: with thousands in use, or
// just given up, to one destination that takes longer than all else. Another address of the loopback has its own.
#define PER_ADDRESS 5000

static int leave_from(int descriptor, int number) {
    int one = 1;
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / PER_ADDRESS)};
    if (number < PER_ADDRESS) return 1;
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    return !bind(descriptor, (void *)&source, sizeof source);
}

static int dial(client *c, int port, int number) {
    int one = 1, segment = 1460, window = 4096;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->descriptor < 0) return 0;
    setsockopt(c->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (c->is_slow) {
        setsockopt(c->descriptor, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
        setsockopt(c->descriptor, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    }
    if (!leave_from(c->descriptor, number)) return 0;
    if (connect(c->descriptor, (void *)&address, sizeof address) && errno != EINPROGRESS) return 0;
    watch(c, EPOLLOUT, EPOLL_CTL_ADD);
    return 1;
}

// What every kind of client shares: its bytes out, and what it has read and not used up in front of what comes in.

static int send_request(client *c, text *request) {
    if (!c->written) c->sent = now();
    ssize_t size = send(c->descriptor, request->data + c->written, request->size - c->written, MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN;
    c->written += size;
    if (c->written == request->size) {
        if (c->state == CONNECTING) watch(c, EPOLLIN, EPOLL_CTL_MOD);
        c->state = HEAD;
    }
    return 1;
}

static char buffer[1 << 22];

static ssize_t receive(client *c, size_t most) {  // bytes in buffer; 0: nothing yet; -1: the connection has ended
    memcpy(buffer, c->rest.data, c->rest.size);
    ssize_t size = recv(c->descriptor, buffer + c->rest.size, most, 0);
    if (size <= 0) return size < 0 && errno == EAGAIN ? 0 : -1;
    return c->rest.size + size;
}

static void keep(client *c, char *from, char *end) {
    c->rest.size = end - from;
    c->rest.data = realloc(c->rest.data, c->rest.size + 1);
    memcpy(c->rest.data, from, c->rest.size);
}

static char *past_head(client *c, char *from, char *end) {  // the body's first byte, if the head is whole
    char *blank = memmem(from, end - from, "\r\n\r\n", 4);
    if (!blank) return 0;
    if (memcmp(from, "HTTP/1.1 200", 12)) c->is_wrong = 1;
    *blank = 0;
    char *length = strcasestr(from, "\r\ncontent-length:");
    c->length = length ? strtoul(length + 17, 0, 10) : 0;
    c->state = BODY;
    return blank + 4;
}

static void hang_up(client *c) {
    if (c->descriptor >= 0) close(c->descriptor);
    free(c->rest.data);
    c->rest = (text){0};
    c->state = OVER;
}

// Streams.

static series late, first;
static long events, slow_events;
static int complete, slow_complete, wrong, failed, paused, begun, count, is_over;
static double first_due, gap, pause_for;
static int expected, slow_expected, words_from = -1, stop_after;

static int is_end_mark(char *from, char *end) { return end - from >= 14 && !memcmp(end - 14, "data: [DONE]\n\n", 14); }

static void check_word(client *c, char *from, char *end) {
    if (words_from < 0 || c->is_slow || c->events < words_from || c->events == expected - 1) return;
    char word[16];
    int size = sprintf(word, "\"w%d ", c->events - words_from);
    if (!memmem(from, end - from, word, size)) c->is_wrong = 1;
}

static void mark(const char *what) {
    printf("{\"%s\": %ld}\n", what, events + slow_events);
    fflush(stdout);
}

static void count_event(client *c, double at) {
    if (!c->is_slow) {
        note(&late, (at - c->sent - first_due - gap * c->events) * 1e3);
        if (!c->events) note(&first, (at - c->sent) * 1e3);
    }
    c->is_slow ? slow_events++ : events++;
    if (!c->events && ++begun == count && !is_over) mark("all_begun");
    if (++c->events == stop_after && c->is_slow) {
        c->state = PAUSED;
        c->resume = at + pause_for;
        paused++;
        watch(c, 0, EPOLL_CTL_MOD);
    }
}

static int is_end_of_body(char *from, char *end) {  // the last chunk, with or without trailers
    return end - from >= 7 && !memcmp(from, "\r\n0\r\n", 5) && !memcmp(end - 4, "\r\n\r\n", 4);
}

static int read_stream(client *c) {  // whether it is over
    ssize_t size = receive(c, c->is_slow ? 4096 : sizeof buffer / 2);
    double at = now();
    if (size < 0) {
        failed++;
        hang_up(c);
        return 1;
    }
    if (!size) return 0;
    char *from = buffer, *end = buffer + size, *blank;
    if (c->state == HEAD && (blank = past_head(c, from, end))) from = blank;
    if (c->state == HEAD) {
        keep(c, from, end);
        return 0;
    }
    while ((blank = memmem(from, end - from, "\n\n", 2))) {
        if (!is_end_mark(from, blank + 2)) {
            check_word(c, from, blank);
            count_event(c, at);
        }
        from = blank + 2;
    }
    if (is_end_of_body(from, end)) {
        if (!is_over++) mark("first_over");
        if (c->events != (c->is_slow ? slow_expected : expected)) c->is_wrong = 1;
        if (c->is_wrong) wrong++;
        else c->is_slow ? slow_complete++ : complete++;
        hang_up(c);
        return 1;
    }
    keep(c, from, end);
    return 0;
}

static int streams(int argc, char **argv) {
    if (argc < 10) return 2;
    int port = atoi(argv[2]), readers = atoi(argv[4]), slow = 0;
    double ramp = atof(argv[5]), limit = atof(argv[9]), start = now(), over = 0;
    text request = read_file(argv[3]), slow_request = {0};
    first_due = atof(argv[6]) / 1e3, gap = atof(argv[7]) / 1e3, expected = atoi(argv[8]);
    if (argc > 10) words_from = atoi(argv[10]);
    if (argc > 15) {
        slow_request = read_file(argv[11]), slow = atoi(argv[12]), slow_expected = atoi(argv[13]);
        stop_after = atoi(argv[14]), pause_for = atof(argv[15]) / 1e3;
    }
    int opened = 0, live = 0, peak = 0;
    count = readers + slow;
    client *clients = calloc(count, sizeof *clients);
    static struct epoll_event ready[1024];
    while (now() - start < limit && (opened < count || live)) {
        double due = ramp > 0 ? (now() - start) / ramp * count + 1 : count;
        for (int burst = 0; opened < count && opened < due && burst < 64; opened++, burst++) {
            client *c = &clients[opened];
            c->is_slow = (long)(opened + 1) * slow / count > (long)opened * slow / count;
            if (dial(c, port, opened)) live++;
            else failed++, hang_up(c);
            if (live > peak) peak = live;
        }
        int number = epoll_wait(poll_set, ready, 1024, opened < count ? 1 : 20);
        for (int i = 0; i < number; i++) {
            client *c = ready[i].data.ptr;
            if (c->state == PAUSED) continue;
            if (c->state != CONNECTING) live -= read_stream(c);
            else if (!send_request(c, c->is_slow ? &slow_request : &request)) failed++, live--, hang_up(c);
        }
        for (int i = 0; paused && i < opened; i++)
            if (clients[i].state == PAUSED && now() >= clients[i].resume) {
                clients[i].state = BODY;
                paused--;
                watch(&clients[i], EPOLLIN, EPOLL_CTL_MOD);
            }
        over = now();
    }
    printf("{\"streams\": %d, \"complete\": %d, \"wrong\": %d, \"failed\": %d, \"unfinished\": %d, \"peak\": %d, \"events\": %ld, \"seconds\": %.3f, "
           "\"slow_streams\": %d, \"slow_complete\": %d, \"slow_events\": %ld",
           readers, complete, wrong, failed, live, peak, events, over - start, slow, slow_complete, slow_events);
    print_series("late_ms", &late);
    print_series("first_ms", &first);
    puts("}");
    return 0;
}

// Requests.

static int requests(int argc, char **argv) {
    if (argc < 6) return 2;
    int port = atoi(argv[2]), count = atoi(argv[4]);
    double until = now() + atof(argv[5]), start = now();
    text request = read_file(argv[3]);
    client *clients = calloc(count, sizeof *clients);
    series latency = {0};
    static struct epoll_event ready[1024];
    for (int i = 0; i < count; i++)
        if (!dial(&clients[i], port, i)) failed++;
    while (now() < until) {
        int number = epoll_wait(poll_set, ready, 1024, 20);
        for (int i = 0; i < number; i++) {
            client *c = ready[i].data.ptr;
            if (c->state == CONNECTING) {
                if (!send_request(c, &request)) failed++, hang_up(c);
                continue;
            }
            ssize_t size = receive(c, sizeof buffer / 2);
            if (size < 0) {
                failed++, hang_up(c);
                continue;
            }
            if (!size) continue;
            char *body = past_head(c, buffer, buffer + size);
            if (!body || (size_t)(buffer + size - body) < c->length) {
                buffer[size] = 0;
                if (body) body[-4] = '\r';
                keep(c, buffer, buffer + size);
                continue;
            }
            note(&latency, (now() - c->sent) * 1e3);
            c->rest.size = c->written = 0;
            if (!send_request(c, &request)) failed++, hang_up(c);
        }
    }
    for (int i = 0; i < count; i++) wrong += clients[i].is_wrong;
    printf("{\"requests\": %zu, \"wrong\": %d, \"failed\": %d, \"seconds\": %.3f", latency.count, wrong, failed, now() - start);
    print_series("latency_ms", &latency);
    puts("}");
    return 0;
}

int main(int argc, char **argv) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    poll_set = epoll_create1(0);
    int result = 2;
    if (argc > 1 && !strcmp(argv[1], "streams")) result = streams(argc, argv);
    if (argc > 1 && !strcmp(argv[1], "requests")) result = requests(argc, argv);
    if (result == 2) fputs("load_client streams|requests ...: the top of load_client.c has the arguments\n", stderr);
    return result;
}
