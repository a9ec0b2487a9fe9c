/* SPDX-License-Identifier: MIT */
/*
 * UART0 of the ESP32, by its registers.
 *
 * Received bytes are moved from the 128-byte FIFO into a ring by a level 1
 * interrupt, so nothing is lost while an inference runs: at 921600 baud and
 * 40 MHz a byte lasts 434 cycles, the interrupt moves one in 33 instructions
 * (emulated, a test), and nothing in this port masks it for longer.
 */
#include "uart.h"

#include "registers.h"

#define ROM_BAUD 115200u
#define DEFAULT_CLOCK_HZ 40000000u
#define RX_FULL_THRESHOLD 64u
#define RX_TIMEOUT_BYTES 2u

/* One writer each: the interrupt owns head, uart_take owns tail. */
static uint8_t ring[UART_RING_BYTES];
static volatile uint32_t ring_head;
static volatile uint32_t ring_tail;
static volatile uint32_t lost_bytes;
static uint32_t clock_hz;

/* ==== Set-up ==== */

/* The ROM measured the crystal and set 115200: its divider tells the clock. */
static uint32_t find_clock(void)
{
    uint32_t divider = register_read(UART_CLKDIV);
    uint32_t sixteenths =
        ((divider & 0xFFFFFu) << 4) + ((divider >> 20) & 0xFu);
    uint32_t hz = sixteenths * (ROM_BAUD / 16u);

    if (hz > 39000000u && hz < 41000000u) {
        return 40000000u;
    }
    if (hz > 25350000u && hz < 26650000u) {
        return 26000000u;
    }
    if (hz > 78000000u && hz < 82000000u) {
        return 80000000u;
    }
    return DEFAULT_CLOCK_HZ;
}

void uart_init(void)
{
    ring_head = 0;
    ring_tail = 0;
    lost_bytes = 0;
    clock_hz = find_clock();
    (void)uart_set_baud(ROM_BAUD);
    register_write(UART_CONF1,
                   (RX_FULL_THRESHOLD << UART_CONF1_RX_FULL_SHIFT) |
                       (RX_TIMEOUT_BYTES << UART_CONF1_TIMEOUT_SHIFT) |
                       UART_CONF1_TIMEOUT_ENABLE);
    register_write(UART_INT_CLR, 0xFFFFFFFFu);
    register_write(UART_INT_ENA, UART_INT_RX_FULL | UART_INT_RX_TIMEOUT |
                                     UART_INT_RX_OVERFLOW);
}

uint32_t uart_clock_hz(void)
{
    return clock_hz;
}

/* divider = clock / baud, in sixteenths, rounded to the nearest */
int uart_set_baud(uint32_t baud)
{
    uint32_t sixteenths;
    uint32_t actual;
    uint32_t error;

    if (baud < 300u || baud > clock_hz / 8u) {
        return 0;
    }
    /* 16 x 80 MHz fits 32 bits. */
    sixteenths = ((clock_hz << 4) + baud / 2u) / baud;
    actual = (clock_hz << 4) / sixteenths;
    error = actual > baud ? actual - baud : baud - actual;
    if (error > baud / 50u) {
        return 0;
    }
    register_write(UART_CLKDIV,
                   (sixteenths >> 4) | ((sixteenths & 0xFu) << 20));
    return 1;
}

/* ==== Receive ==== */

/*
 * The count in UART_STATUS is not to be trusted while the FIFO is read
 * through this address: the pointers are. Equal pointers mean empty or full;
 * the count, looked at before them, then tells which: a byte that came between
 * the two looks would make an empty FIFO pass for a full one.
 */
static uint32_t fifo_waiting(void)
{
    uint32_t count = register_read(UART_STATUS) & 0xFFu;
    uint32_t pointers = register_read(UART_MEM_RX_STATUS);
    uint32_t read_at = (pointers >> 2) & 0x7FFu;
    uint32_t write_at = (pointers >> 13) & 0x7FFu;

    if (write_at > read_at) {
        return write_at - read_at;
    }
    if (write_at < read_at) {
        return write_at + UART_FIFO_BYTES - read_at;
    }
    return count > 0u ? UART_FIFO_BYTES : 0u;
}

/* Everything that waits, into the ring. */
static void move_received(void)
{
    uint32_t waiting = fifo_waiting();

    while (waiting > 0u) {
        uint8_t byte = (uint8_t)register_read(UART_RX_FIFO);
        uint32_t next = (ring_head + 1u) % UART_RING_BYTES;

        if (next == ring_tail) {
            lost_bytes++;
        } else {
            ring[ring_head] = byte;
            ring_head = next;
        }
        waiting--;
        if (waiting == 0u) {
            waiting = fifo_waiting();
        }
    }
}

/* Moved again behind the clearing: the flag of a byte that came meanwhile is
 * cleared with the others, and nothing would tell of it before the next. */
void uart_receive(void)
{
    if ((register_read(UART_INT_RAW) & UART_INT_RX_OVERFLOW) != 0u) {
        lost_bytes++;
    }
    move_received();
    register_write(UART_INT_CLR, UART_INT_RX_FULL | UART_INT_RX_TIMEOUT |
                                     UART_INT_RX_OVERFLOW);
    move_received();
}

uint32_t uart_take(uint8_t *bytes, uint32_t capacity)
{
    uint32_t count = 0;
    uint32_t tail = ring_tail;

    while (count < capacity && tail != ring_head) {
        bytes[count] = ring[tail];
        tail = (tail + 1u) % UART_RING_BYTES;
        count++;
    }
    ring_tail = tail;
    return count;
}

uint32_t uart_lost(void)
{
    return lost_bytes;
}

/* ==== Transmit ==== */

static uint32_t fifo_to_send(void)
{
    return (register_read(UART_STATUS) >> 16) & 0xFFu;
}

void uart_send(const uint8_t *bytes, uint32_t length)
{
    uint32_t i;

    for (i = 0; i < length; i++) {
        while (fifo_to_send() >= UART_FIFO_BYTES - 2u) {
        }
        register_write(UART_TX_FIFO, bytes[i]);
    }
}

/* The FIFO is empty while the last byte is still shifted out: the state of
 * the transmitter, STATUS[27:24], is 0 only when idle. */
void uart_drain(void)
{
    while (fifo_to_send() != 0u ||
           ((register_read(UART_STATUS) >> 24) & 0xFu) != 0u) {
    }
}
