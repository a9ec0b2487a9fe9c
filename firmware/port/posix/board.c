/* SPDX-License-Identifier: MIT */
/*
 * hal.h as a process of the host: the twin. The line is standard input and
 * output, or the descriptor given by f<n>; the arguments are those of the
 * emulated board: b<n> which boot this is, r<n> why (a hal_reset_t), i<n>
 * what the boot id adds to the count; without one it is random.
 *
 * The application runs on a thread with a painted stack, so that the twin
 * has a high-water mark too (the host's ABI, not the chip's).
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "exit_status.h"
#include "hal.h"

#define STACK_BYTES 1048576u
#define STACK_PAINT 0xA5u
#define LONGEST_WAIT_MS 60000u

#if defined(__SANITIZE_ADDRESS__)
#define UNCHECKED __attribute__((no_sanitize_address))
#else
#define UNCHECKED
#endif

static uint8_t app_stack[STACK_BYTES] __attribute__((aligned(4096)));
static int line_in = STDIN_FILENO;
static int line_out = STDOUT_FILENO;
static uint32_t boots = 1;
static uint32_t reason = HAL_RESET_POWER_ON;
static uint32_t first_id;
static struct timespec boot_time;

void hal_init(void)
{
    (void)clock_gettime(CLOCK_MONOTONIC, &boot_time);
}

/* Random; where the host has no such device, the time and the process. */
static uint32_t random_number(void)
{
    struct timespec now;
    uint32_t number = 0;
    int file = open("/dev/urandom", O_RDONLY);

    if (file >= 0) {
        ssize_t count = read(file, &number, sizeof number);

        (void)close(file);
        if (count == (ssize_t)sizeof number) {
            return number;
        }
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec << 8 ^
           (uint32_t)getpid() << 16;
}

/* ==== Serial link ==== */

/* 1: readable or closed, 0: nothing within the time. */
static int wait_readable(uint32_t timeout_ms)
{
    struct pollfd wanted;
    uint32_t left = timeout_ms;

    wanted.fd = line_in;
    wanted.events = POLLIN;
    for (;;) {
        uint32_t wait = left < LONGEST_WAIT_MS ? left : LONGEST_WAIT_MS;
        int ready = poll(&wanted, 1, (int)wait);

        if (ready > 0) {
            return 1;
        }
        if (ready < 0 && errno != EINTR) {
            return 1; /* read() will say what is wrong */
        }
        if (timeout_ms != HAL_FOREVER) {
            left -= wait;
            if (left == 0u) {
                return 0;
            }
        }
    }
}

hal_status_t hal_read(uint8_t *bytes, uint32_t capacity, uint32_t timeout_ms,
                      uint32_t *got)
{
    ssize_t count;

    *got = 0;
    if (!wait_readable(timeout_ms)) {
        return HAL_TIMEOUT;
    }
    do {
        count = read(line_in, bytes, capacity);
    } while (count < 0 && errno == EINTR);
    if (count <= 0) {
        return HAL_CLOSED;
    }
    *got = (uint32_t)count;
    return HAL_OK;
}

hal_status_t hal_write(const uint8_t *bytes, uint32_t length)
{
    while (length > 0u) {
        ssize_t count = write(line_out, bytes, length);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return HAL_CLOSED;
        }
        bytes += count;
        length -= (uint32_t)count;
    }
    return HAL_OK;
}

hal_status_t hal_set_baud(uint32_t baud)
{
    (void)baud;
    return HAL_OK; /* a pseudo-terminal carries any rate */
}

/* ==== Time ==== */

uint64_t hal_time_us(void)
{
    struct timespec now;
    int64_t seconds;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    seconds = (int64_t)now.tv_sec - (int64_t)boot_time.tv_sec;
    return (uint64_t)(seconds * 1000000 +
                      (now.tv_nsec - boot_time.tv_nsec) / 1000);
}

uint32_t hal_count(void)
{
    return 0;
}

hal_counter_t hal_counter(void)
{
    return HAL_COUNTER_NONE;
}

uint32_t hal_counter_hz(void)
{
    return 0;
}

/* ==== Board ==== */

uint32_t hal_boot_count(void)
{
    return boots;
}

uint32_t hal_boot_id(void)
{
    return first_id + boots;
}

uint32_t hal_reset_reason(void)
{
    return reason;
}

UNCHECKED uint32_t hal_stack_used_bytes(void)
{
    uint32_t untouched = 0;

    while (untouched < STACK_BYTES && app_stack[untouched] == STACK_PAINT) {
        untouched++;
    }
    return STACK_BYTES - untouched;
}

void hal_alive(void)
{
    /* nothing here watches the app */
}

const char *hal_board(void)
{
    return "twin";
}

void hal_reset(void)
{
    _exit(EXIT_STATUS_RESET);
}

/* ==== Start ==== */

#if !defined(__SANITIZE_ADDRESS__)
/* Only what is safe in a signal handler: write() and _exit(). */
static void on_crash(int number)
{
    char line[] = "\r\nesp8k panic: signal 00; resetting\r\n";
    char *digits = strstr(line, "00");

    digits[0] = (char)('0' + number / 10 % 10);
    digits[1] = (char)('0' + number % 10);
    if (write(line_out, line, sizeof line - 1) < 0) {
        _exit(EXIT_STATUS_PANIC);
    }
    _exit(EXIT_STATUS_PANIC);
}

static void catch_crashes(void)
{
    static const int CRASHES[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action;
    size_t i;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_crash;
    for (i = 0; i < sizeof CRASHES / sizeof CRASHES[0]; i++) {
        (void)sigaction(CRASHES[i], &action, NULL);
    }
}
#else
static void catch_crashes(void)
{
    /* the sanitizer's own report is better */
}
#endif

static void read_arguments(int count, char **arguments)
{
    int i;

    for (i = 1; i < count; i++) {
        uint32_t value = (uint32_t)strtoul(arguments[i] + 1, NULL, 10);

        if (arguments[i][0] == 'b') {
            boots = value;
        } else if (arguments[i][0] == 'r') {
            reason = value;
        } else if (arguments[i][0] == 'i') {
            first_id = value;
        } else if (arguments[i][0] == 'f') {
            line_in = (int)value;
            line_out = (int)value;
        }
    }
}

static void *run_app(void *unused)
{
    (void)unused;
    esp8k_app();
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_attr_t attributes;
    pthread_t thread;

    first_id = random_number();
    read_arguments(count, arguments);
    (void)signal(SIGPIPE, SIG_IGN); /* write() says HAL_CLOSED instead */
    catch_crashes();
    hal_init();
    memset(app_stack, (int)STACK_PAINT, sizeof app_stack);
    if (pthread_attr_init(&attributes) != 0 ||
        pthread_attr_setstack(&attributes, app_stack, STACK_BYTES) != 0 ||
        pthread_create(&thread, &attributes, run_app, NULL) != 0) {
        return EXIT_STATUS_PANIC;
    }
    (void)pthread_join(thread, NULL);
    return EXIT_STATUS_CLOSED;
}
