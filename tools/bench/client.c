/* SPDX-License-Identifier: MIT */
/* Sends prebuilt requests and counts answers: faster than any server it measures.

   client PORT REQUESTS SIZE PREAMBLE ANSWER WINDOW COUNT

   REQUESTS  file of 64 requests of SIZE bytes each, sent in a circle
   PREAMBLE  file sent first, answered by one frame; "-" for none
   ANSWER    size of an answer in bytes; 0 for Cap'n Proto frames, which tell their size
   Prints the seconds from the first request to the last answer. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int s;
static unsigned char in[1 << 20];
static size_t have;

static void die(const char *what) { perror(what); exit(1); }

static size_t slurp(const char *path, char *to, size_t room) {
    FILE *f = fopen(path, "rb");
    if (!f) die(path);
    size_t n = fread(to, 1, room, f);
    fclose(f);
    return n;
}

static void send_all(const char *p, size_t n) {
    while (n) {
        ssize_t k = write(s, p, n);
        if (k <= 0) die("write");
        p += k, n -= k;
    }
}

/* Reads once, takes complete answers out of the buffer and returns how many there were. */
static long receive(size_t fixed) {
    ssize_t k = read(s, in + have, sizeof in - have);
    if (k <= 0) die("read");
    have += k;
    size_t at = 0;
    long answers = 0;
    for (;;) {
        size_t size = fixed;
        if (!size) {
            if (have - at < 8) break;
            uint32_t *h = (uint32_t *)(in + at);
            size_t segments = h[0] + 1, words = 0;
            if (have - at < 4 * (segments + 1)) break;
            for (size_t i = 1; i <= segments; i++) words += h[i];
            size = 8 * words + ((4 * (segments + 1) + 7) & ~7ul);
        }
        if (have - at < size) break;
        at += size, answers++;
    }
    memmove(in, in + at, have -= at);
    return answers;
}

int main(int argc, char **argv) {
    static char requests[2 * 64 * 1024], preamble[4096];
    if (argc != 8) { fputs("usage: see client.c\n", stderr); return 2; }
    size_t size = atoi(argv[3]), fixed = atoi(argv[5]);
    long window = atol(argv[6]), count = atol(argv[7]);
    size_t circle = slurp(argv[2], requests, sizeof requests / 2);
    memcpy(requests + circle, requests, circle);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s, (struct sockaddr *)&a, sizeof a)) die("connect");
    int on = 1;
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (strcmp(argv[4], "-")) {
        send_all(preamble, slurp(argv[4], preamble, sizeof preamble));
        while (!receive(0));
    }
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    long sent = 0, done = 0;
    while (done < count) {
        long n = window - (sent - done);
        if (n > count - sent) n = count - sent;
        if (n > 0) {
            send_all(requests + sent % 64 * size, n * size);
            sent += n;
        }
        done += receive(fixed);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.9f\n", end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9);
    return 0;
}
