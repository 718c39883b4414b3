/*
 * The image's health check: asks the admin door for /healthz and exits with 0 when the gateway answers. A second Node
 * would cost 50 MB and a tenth of a second of CPU every ten seconds.
 *
 *   healthcheck [PORT]      TENSORGATE_HEALTH_PORT, or 8001, when absent
 *
 * A door with TLS answers plain text with an alert (RFC 8446 section 6): that is a sign of life as good as a status.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const char request[] = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

static int fail(const char *what) {
  perror(what);
  return 1;
}

int main(int argc, char **argv) {
  const char *text = argc > 1 ? argv[1] : getenv("TENSORGATE_HEALTH_PORT");
  char *end = NULL;
  long port = text == NULL ? 8001 : strtol(text, &end, 10);
  if (port < 1 || port > 65535 || (end != NULL && *end != '\0')) {
    fprintf(stderr, "healthcheck: %s is no port\n", text);
    return 2;
  }
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return fail("socket");
  /* Docker ends a check after 3 s */
  struct timeval limit = {.tv_sec = 2};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) return fail("connect");
  if (write(fd, request, sizeof request - 1) < 0) return fail("write");
  char answer[64] = {0};
  ssize_t length = 0;
  while (length < 12) {
    ssize_t some = read(fd, answer + length, sizeof answer - 1 - (size_t)length);
    if (some < 0) return fail("read");
    if (some == 0) break;
    length += some;
    if (answer[0] == 0x15) return 0;
  }
  if (strncmp(answer, "HTTP/1.1 200", 12) == 0) return 0;
  fprintf(stderr, "healthcheck: port %ld answers %.12s\n", port, length == 0 ? "nothing" : answer);
  return 1;
}
