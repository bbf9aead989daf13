/* SPDX-License-Identifier: MIT */
/* Sends prebuilt answers: faster than any client it measures.

   server PORT - -                 answers 64 bytes with the same
   server PORT BOOTSTRAP RETURN    speaks Cap'n Proto RPC. BOOTSTRAP and RETURN are files of one frame
                                   each: the answers to a Bootstrap and to a Call, whose last word is
                                   put into the answer's last word. Other messages are not answered.

   Serves one connection after another; prints "ready" when it listens. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ECHO = 64, KIND = 16, ID = 32, CALL = 2, BOOTSTRAP = 8 }; /* positions in a frame, in bytes */

static unsigned char in[1 << 20], out[1 << 22];
static unsigned char answers[2][1024]; /* to a Bootstrap, to a Call */
static size_t sizes[2];

static void die(const char *what) { perror(what); exit(1); }

static void slurp(const char *path, int which) {
    FILE *f = fopen(path, "rb");
    if (!f) die(path);
    sizes[which] = fread(answers[which], 1, sizeof answers[which], f);
    fclose(f);
}

/* Puts the answer to a frame at `to`; returns its size. */
static size_t answer(const unsigned char *frame, size_t size, unsigned char *to) {
    if (frame[KIND] != CALL && frame[KIND] != BOOTSTRAP) return 0;
    int which = frame[KIND] == CALL;
    memcpy(to, answers[which], sizes[which]);
    memcpy(to + ID, frame + ID, 4);
    if (which) memcpy(to + sizes[which] - 8, frame + size - 8, 8);
    return sizes[which];
}

static void serve(int s, int echo) {
    size_t have = 0;
    for (;;) {
        ssize_t k = read(s, in + have, sizeof in - have);
        if (k <= 0) return;
        have += k;
        size_t at = 0, filled = 0;
        if (echo) {
            at = filled = have / ECHO * ECHO;
            memcpy(out, in, filled);
        }
        while (!echo && have - at >= 8) {
            uint32_t *head = (uint32_t *)(in + at);
            size_t size = 8 + 8 * (size_t)head[1];
            if (head[0]) { fputs("a message of several segments\n", stderr); exit(1); }
            if (have - at < size) break;
            filled += answer(in + at, size, out + filled);
            at += size;
        }
        memmove(in, in + at, have -= at);
        for (size_t sent = 0; sent < filled; sent += k) {
            k = write(s, out + sent, filled - sent);
            if (k <= 0) return;
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 4) { fputs("usage: see server.c\n", stderr); return 2; }
    int echo = !strcmp(argv[2], "-"), on = 1;
    if (!echo) {
        slurp(argv[2], 0);
        slurp(argv[3], 1);
    }
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 5)) die("listen");
    puts("ready");
    fflush(stdout);
    for (;;) {
        int s = accept(listener, NULL, NULL);
        if (s < 0) die("accept");
        setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        serve(s, echo);
        close(s);
    }
}
