/* SPDX-License-Identifier: MIT */
/* UART0 of the ESP32: interrupt-filled receive ring, polled transmit. */
#ifndef ESP8K_UART_H
#define ESP8K_UART_H

#include <stdint.h>

/* PROTOCOL.md promises it: a window of 16 images arrives during one inference. */
#define UART_RING_BYTES 16384u

/* Takes over the line as the ROM left it (115200) and finds the clock. */
void uart_init(void);
/* The interrupt: empty the FIFO into the ring. Also safe to call by hand
 * while the interrupt is masked. */
void uart_receive(void);
/* Takes up to `capacity` bytes from the ring; returns how many. */
uint32_t uart_take(uint8_t *bytes, uint32_t capacity);
/* Waits for room in the FIFO, byte by byte. */
void uart_send(const uint8_t *bytes, uint32_t length);
/* Waits until the last stop bit is out. */
void uart_drain(void);
/* 0 if the rate cannot be made within 2 % from this clock. */
int uart_set_baud(uint32_t baud);
/* What the rate is divided from: 26, 40 or 80 MHz, as find_clock() saw it. */
uint32_t uart_clock_hz(void);
/* Bytes that came while FIFO or ring were full, at least. */
uint32_t uart_lost(void);

#endif
