/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program and its children: before each call that changes a
 * file below one of FILE_SHIM_BELOW (paths, separated by colons) it says so on
 * the UNIX socket FILE_SHIM_SOCKET, and waits for one byte: go on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#define WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)
#define REAL(type, name, ...)                                                  \
    static type (*real)(__VA_ARGS__);                                          \
    if (real == NULL) {                                                        \
        *(void **)&real = dlsym(RTLD_NEXT, name);                              \
    }

static __thread int inside;

/* ==== Telling ==== */

static int below(const char *path)
{
    const char *list = getenv("FILE_SHIM_BELOW");
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ":");
        if (length > 0 && strncmp(path, list, length) == 0) {
            return 1;
        }
        list += length + (list[length] == ':');
    }
    return 0;
}

static void tell(const char *call, const char *path)
{
    const char *name = getenv("FILE_SHIM_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char text[PATH_MAX + 64], answer;
    int length = snprintf(text, sizeof text, "%s %s\n", call, path);
    int fd;
    if (name == NULL || strlen(name) >= sizeof to.sun_path) {
        return;
    }
    strcpy(to.sun_path, name);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
        send(fd, text, (size_t)length, MSG_NOSIGNAL) == length) {
        while (recv(fd, &answer, 1, 0) < 0 && errno == EINTR) {
        }
    }
    (void)syscall(SYS_close, fd);
}

/* A path as seen from a folder's descriptor, made absolute. */
static void about(const char *call, int folder, const char *path)
{
    char whole[2 * PATH_MAX], link[64];
    int before = errno;
    ssize_t length = 0;
    if (inside || path == NULL) {
        return;
    }
    inside = 1;
    if (path[0] != '/') {
        if (folder == AT_FDCWD) {
            length = getcwd(whole, PATH_MAX) != NULL ? (ssize_t)strlen(whole) : 0;
        } else {
            (void)snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            length = readlink(link, whole, PATH_MAX - 1);
        }
        length = length < 0 ? 0 : length;
        whole[length++] = '/';
    }
    (void)snprintf(whole + length, PATH_MAX, "%s", path);
    if (below(whole)) {
        tell(call, whole);
    }
    inside = 0;
    errno = before;
}

static void about_open(const char *call, int fd)
{
    char link[64], path[PATH_MAX];
    int before = errno;
    if (inside) {
        return;
    }
    inside = 1;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) {
        path[length] = '\0';
        if (below(path)) {
            tell(call, path);
        }
    }
    inside = 0;
    errno = before;
}

/* ==== The calls ==== */

#define OPEN(name)                                                             \
    int name(const char *path, int flags, ...)                                 \
    {                                                                          \
        va_list rest;                                                          \
        va_start(rest, flags);                                                 \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;              \
        va_end(rest);                                                          \
        REAL(int, #name, const char *, int, ...)                               \
        if (flags & WRITES) {                                                  \
            about("open", AT_FDCWD, path);                                     \
        }                                                                      \
        return real(path, flags, mode);                                        \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                           \
    int name(int folder, const char *path, int flags, ...)                     \
    {                                                                          \
        va_list rest;                                                          \
        va_start(rest, flags);                                                 \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;              \
        va_end(rest);                                                          \
        REAL(int, #name, int, const char *, int, ...)                          \
        if (flags & WRITES) {                                                  \
            about("open", folder, path);                                       \
        }                                                                      \
        return real(folder, path, flags, mode);                                \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                            \
    FILE *name(const char *path, const char *mode)                             \
    {                                                                          \
        REAL(FILE *, #name, const char *, const char *)                        \
        if (strpbrk(mode, "wa+") != NULL) {                                    \
            about("open", AT_FDCWD, path);                                     \
        }                                                                      \
        return real(path, mode);                                               \
    }
FOPEN(fopen)
FOPEN(fopen64)

#define ON_PATH(name, type)                                                    \
    int name(const char *path, type value)                                     \
    {                                                                          \
        REAL(int, #name, const char *, type)                                   \
        about(#name, AT_FDCWD, path);                                          \
        return real(path, value);                                              \
    }
ON_PATH(mkdir, mode_t)
ON_PATH(truncate, off_t)

#define OF_PATH(name)                                                          \
    int name(const char *path)                                                 \
    {                                                                          \
        REAL(int, #name, const char *)                                         \
        about(#name, AT_FDCWD, path);                                          \
        return real(path);                                                     \
    }
OF_PATH(unlink)
OF_PATH(rmdir)

int unlinkat(int folder, const char *path, int flags)
{
    REAL(int, "unlinkat", int, const char *, int)
    about("unlink", folder, path);
    return real(folder, path, flags);
}

int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *)
    about("rename", AT_FDCWD, to);
    return real(from, to);
}

int symlink(const char *from, const char *to)
{
    REAL(int, "symlink", const char *, const char *)
    about("symlink", AT_FDCWD, to);
    return real(from, to);
}

#define ON_DESCRIPTOR(name, result, declared, ...)                             \
    result name declared                                                       \
    {                                                                          \
        static result(*real) declared;                                         \
        if (real == NULL) {                                                    \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                         \
        }                                                                      \
        about_open(#name, fd);                                                 \
        return real(__VA_ARGS__);                                              \
    }
ON_DESCRIPTOR(write, ssize_t, (int fd, const void *data, size_t n), fd, data, n)
ON_DESCRIPTOR(ftruncate, int, (int fd, off_t size), fd, size)
ON_DESCRIPTOR(ftruncate64, int, (int fd, off64_t size), fd, size)
ON_DESCRIPTOR(sendfile, ssize_t, (int fd, int in, off_t *at, size_t n), fd, in,
              at, n)
ON_DESCRIPTOR(sendfile64, ssize_t, (int fd, int in, off64_t *at, size_t n), fd,
              in, at, n)
