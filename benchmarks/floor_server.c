// The floor: what an event costs at least. One write() of a framed chunk per event, absolute deadlines, a tick of 1 ms.
// floor_server PORT        GET /stream?count=60&gap=0.05 and GET /anything-else, keep-alive; nothing more of HTTP.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 65536  // a gap is at most 65 s
#define EVENT "data: {\"id\":\"chatcmpl-peer\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-4\"," \
              "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"wwwww\"},\"finish_reason\":null}]}\n\n"
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define BODY "{\"location\":\"Unknown\",\"temperature\":72,\"unit\":\"fahrenheit\",\"condition\":\"sunny\",\"humidity\":45,\"wind_speed\":8}"

typedef struct stream {
    int descriptor, count, sent;
    double start, gap;
    struct stream *next;  // in its slot
} stream;

static stream *slots[SLOTS];
static char chunk[1024], reply[1024];
static int chunk_size, reply_size;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void put(int descriptor, const char *data, int size) {
    if (write(descriptor, data, size) < 0) return;  // who has left or does not read misses it: a floor has no queue
}

static void pace(stream *s) {
    unsigned slot = (unsigned long)((s->start + s->sent * s->gap) * 1000 + 1) % SLOTS;
    s->next = slots[slot];
    slots[slot] = s;
}

static void play(stream *s) {
    if (s->descriptor < 0) return;
    put(s->descriptor, chunk, chunk_size);
    if (++s->sent < s->count) pace(s);
    else put(s->descriptor, "0\r\n\r\n", 5);
}

static void answer(stream *s, char *request) {
    char *count = strstr(request, "count="), *gap = strstr(request, "gap=");
    if (strncmp(request, "GET /stream", 11) || !count || !gap) {
        put(s->descriptor, reply, reply_size);
        return;
    }
    s->count = atoi(count + 6), s->gap = atof(gap + 4), s->sent = 0, s->start = now();
    put(s->descriptor, HEAD, sizeof HEAD - 1);
    play(s);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    chunk_size = sprintf(chunk, "%zx\r\n%s\r\n", sizeof EVENT - 1, EVENT);
    reply_size = sprintf(reply, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", sizeof BODY - 1, BODY);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) return 1;
    struct epoll_event interest = {.events = EPOLLIN}, ready[1024];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &interest);
    unsigned long tick = now() * 1000;
    static char request[8192];
    for (;;) {
        int count = epoll_wait(poll, ready, 1024, 1);
        for (int i = 0; i < count; i++) {
            stream *s = ready[i].data.ptr;
            if (!s) {
                for (int descriptor; (descriptor = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0;) {
                    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    s = calloc(1, sizeof *s);
                    s->descriptor = descriptor;
                    interest.data.ptr = s;
                    epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &interest);
                }
                continue;
            }
            ssize_t size = read(s->descriptor, request, sizeof request - 1);
            if (size <= 0) {
                close(s->descriptor);  // and leave it where it is: a slot may still point to it
                s->descriptor = -1;
                continue;
            }
            request[size] = 0;
            answer(s, request);
        }
        for (unsigned long present = now() * 1000; tick <= present; tick++) {
            stream *s = slots[tick % SLOTS];
            slots[tick % SLOTS] = 0;
            for (stream *next; s; s = next) next = s->next, play(s);
        }
    }
}
