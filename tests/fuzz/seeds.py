#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Writes the seeds of the targets that take steps (records.h), or says what an
input does.

    tests/fuzz/seeds.py                  writes seeds/session, guest and vsock
    tests/fuzz/seeds.py session FILE     the steps of an input

A step's name is that of the target's enum op, in its order.
"""

import os
import struct
import sys

STEPS = {
    "session": """TURNS REST SET_UP SAY SAY_TOO STOP BYTES LEAVE HEAR OFFER
        SEND SEND_TOO RESPOND TAMPER TAMPER_RING OFFER_EVENT SHRINK KNOCK
        ANSWER PROGRAM PROGRAM_TOO TIME""".split(),
    "guest": """TURN REST SET_UP OFFER PACKET DATA DATA_TOO CREDIT CALL ACCEPT
        WRITE READ LEAVE TIME CONNECT SERVE STREAM""".split(),
    "vsock": """BACKLOG_ADD BACKLOG_DROP BACKLOG_REFUSE MESSAGES_ADD
        MESSAGES_DROP MESSAGES_WALK PARCELS_ADD PARCELS_DROP PARCELS_REFUSE
        PORTS_ASK PORTS_USE PORTS_LEAVE PORTS_TAKE PORTS_MAP TABLE_INSERT
        TABLE_GIVE TABLE_REMOVE TABLE_WALK ENDED_ADD ENDED_FORGET ENDED_ASK
        ENDED_PASS DUES_PLAY DUES_PASS""".split(),
}

REQUEST, RESPONSE, RST, SHUTDOWN, RW, UPDATE, ASK = range(1, 8)

# Session: sizes of PROGRAM and SEND, by number.
BYTES_100, BYTES_1000, BYTES_20000, BYTES_65000 = 3, 4, 6, 7
WHOLE_CREDIT = 8


def send(op, port, size=0, shape=1, flags=0, credit=WHOLE_CREDIT, fwd=0):
    return ("SEND", op, port, flags << 3 | shape, size * 16 + 1,
            credit + fwd * 256)


def say(request, index=0, d=0, e=0, mutation=1):
    return ("SAY", request, mutation, index, d, e)


SET_UP = ("SET_UP", 0, 1, 0, 0)
OFFER = ("OFFER", 7, 1, 5)
REST = ("REST",)
RESPOND = ("RESPOND",)


def called(slot):
    """A host program's connection to the guest."""
    return [("KNOCK", slot, slot), REST, RESPOND, REST]


def calling(slot, port):
    """The guest's connection to a host program."""
    return [send(REQUEST, port), REST, ("ANSWER", slot, port)]


BEGIN = [SET_UP, OFFER, OFFER, REST]

SESSION = {
    "nothing": [REST],
    "negotiation": [
        say(1), say(15), say(16, d=0x9), say(2, d=0, e=29), say(3), say(17),
        say(36), say(24), say(39, d=15), say(40), ("HEAR",), say(5, 1), REST,
        say(8, 0, 1), say(10, 0), say(9, 0), say(13, 0), say(12, 0),
        say(8, 1, 1), say(10, 1), say(9, 1), say(13, 1), say(12, 1),
        say(14, 1), say(18, 0, 1), say(18, 1, 1), REST, ("HEAR",)],
    "called": BEGIN + called(0) + [
        ("PROGRAM", 0, 4, 0, 100), REST, ("PROGRAM", 0, 1, 0, 100),
        ("PROGRAM", 0, 2, 0, 1), REST, ("PROGRAM", 0, 3), REST],
    "two-called": BEGIN + called(0) + called(1) + [
        ("PROGRAM", 0, 0, 0, BYTES_1000), ("PROGRAM", 1, 0, 0, BYTES_100),
        ("TURNS", 0), ("PROGRAM", 0, 0, 0, BYTES_20000),
        ("PROGRAM", 1, 4, 0, 10), ("TURNS", 1), ("STOP", 0, 0, 0), REST],
    "four-called": BEGIN + called(0) + called(1) + called(2) + called(3) + [
        ("PROGRAM", 0, 4, 0, 10), ("PROGRAM", 1, 4, 0, 10),
        ("PROGRAM", 2, 4, 0, 10), ("PROGRAM", 3, 4, 0, 10), ("TURNS", 0),
        OFFER, ("PROGRAM", 3, 4, 0, 10), ("PROGRAM", 1, 4, 0, 10),
        ("TURNS", 1), ("STOP", 1, 0, 0, 0), ("STOP", 1, 0, 0, 1), REST],
    "calling": BEGIN + calling(0, 0) + [
        send(RW, 0, BYTES_1000), send(RW, 0, BYTES_20000), REST,
        ("PROGRAM", 0, 1, 0, 30000), send(UPDATE, 0), send(SHUTDOWN, 0, 0,
                                                           1, 3), REST,
        send(RST, 0), REST],
    "backlog": BEGIN + calling(0, 0) + [send(RW, 0, BYTES_65000), REST] * 9 + [
        ("PROGRAM", 0, 1, 0, 65535), REST, ("STOP", 0, 0, 1), SET_UP, REST],
    "messages": BEGIN + calling(0, 4) + [
        send(RW, 4, BYTES_1000, 1, 0), send(RW, 4, BYTES_100, 2, 1), REST,
        ("PROGRAM", 0, 1), ("PROGRAM", 0, 0, 0, BYTES_20000), REST,
        ("KNOCK", 1, 0, 3), REST, RESPOND, REST, ("PROGRAM", 1, 4, 0, 77),
        REST],
    "half-closed": BEGIN + calling(0, 1) + [
        send(SHUTDOWN, 1, 0, 1, 2), REST, ("PROGRAM", 0, 0, 0, BYTES_1000),
        REST, ("PROGRAM", 0, 2, 0, 1), REST, ("TIME", 7), REST],
    "neighbour": BEGIN + [send(REQUEST, 16), REST, send(RW, 16, BYTES_100),
                          REST, ("TIME", 6), REST, ("TURNS", 0, 7, 100)],
    "memory": BEGIN + called(0) + [
        ("PROGRAM", 0, 0, 0, BYTES_1000), ("TURNS", 0), say(5, 1, 0, 0),
        ("TURNS", 0), say(38, 1), say(37, 1), REST, say(5, 1, 1, 1), REST,
        say(5, 1), REST, ("PROGRAM", 0, 4, 0, 33), REST],
    "slots": [say(37, 0), say(37, 1), SET_UP, OFFER] + called(0) + [
        say(38, 1), REST, say(37, 1), REST],
    "truncated": BEGIN + called(0) + [
        ("PROGRAM", 0, 0, 0, BYTES_1000), ("SHRINK", 0, 0, 0, 64), REST],
    "stop-and-start": BEGIN + called(0) + calling(1, 0) + [
        ("PROGRAM", 0, 0, 0, BYTES_20000), ("TURNS", 0), ("STOP", 0, 0, 0),
        ("STOP", 0, 0, 1), ("HEAR",), SET_UP, REST, OFFER, REST,
        ("STOP", 2), REST, SET_UP, REST],
    "leave-and-come": BEGIN + called(0) + [
        ("LEAVE",), ("TURNS", 0), SET_UP, OFFER, REST] + called(1) + [REST],
    "features": [("SET_UP", 0, 2, 0, 0), OFFER, REST] + called(0) + [
        say(2, d=0, e=29), say(2, d=1, e=24), REST, say(18, 0, 0), REST],
    "polled": [("SET_UP", 0, 4, 0, 7), OFFER, REST] + called(0) + [
        ("PROGRAM", 0, 4, 0, 100), REST],
    "events": [("SET_UP", 0, 0, 0, 300), ("OFFER_EVENT", 1, 0, 0, 8), OFFER,
               REST, ("OFFER_EVENT", 1, 0, 0, 3), REST, ("STOP", 0, 0, 2)],
    "tampered": BEGIN + [("TAMPER", 1, 128, 0, 20), send(RW, 0, BYTES_100),
                         ("TAMPER_RING", 1, 1, 0, 1), REST],
    "tampered-all": BEGIN + called(0) + [
        ("TAMPER", 0, 0, 0, 43, 0x7f00), ("PROGRAM", 0, 4, 0, 10), REST],
    "bytes": [("BYTES", 4), ("BYTES", 7), REST, ("LEAVE",), REST],
    "second": BEGIN + [("SAY", 1, 0x81, 0xc0), REST, ("LEAVE",), REST],
}

# Guest: ends by their first number, see play.h.
CALLER, CALLED, ASKER, ASKED = 0, 8, 12, 20
A, B, C = 0, 1, 2
FULL, FEW, SMALL, NONE = 1, 2, 3, 7  # credit


def packet(vm, end, op, length=0, shape=1, credit=FULL, lie=0, flags=0,
           strange=0):
    return ("PACKET", vm, end, shape << 4 | op, length,
            credit | lie << 4 | flags << 8 | strange << 12)


def data(vm, end, length, flags=0, shape=1):
    return ("DATA", vm, end, shape << 4 | flags, length)


def connect(vm, end, credit=FULL, partner=FULL):
    return ("CONNECT", vm, end, 0, 0, credit | partner << 3)


def offer(vm, shape=1, count=15, length=6):
    return ("OFFER", vm, shape, count, length)


def write(vm, end, length):
    return ("WRITE", vm, end, 0, length)


def read(vm, end, length=7):
    return ("READ", vm, end, 0, length)


GUEST = {
    "caller": [connect(A, 0), data(A, 0, 3), REST, read(A, 0), write(A, 0, 4),
               offer(A), REST, ("CREDIT", A, 0), REST,
               packet(A, 0, SHUTDOWN, flags=3), REST],
    "called": [connect(B, 8), data(B, 8, 3), write(B, 8, 2), REST, read(B, 8),
               ("LEAVE", B, 8, 3), REST, packet(B, 8, RST), REST],
    "by-hand": [offer(A), packet(A, 1, REQUEST), ("TURN",), ("ACCEPT", A, 1),
                ("CALL", A, 9), ("TURN", 1), ("SERVE",), ("TURN", 1),
                data(A, 1, 0), data(A, 9, 1), ("TURN",), read(A, 1),
                read(A, 9), ("LEAVE", A, 1, 1), ("TURN",), ("TIME", 2), REST],
    "two-called": [connect(A, 8), connect(A, 9), offer(A), write(A, 8, 3),
                   write(A, 9, 1), ("TURN",), write(A, 8, 4), write(A, 9, 0),
                   ("TURN", 1), REST],
    "six": [connect(A, 0), connect(A, 1), connect(A, 2), connect(A, 3),
            connect(A, 8), connect(A, 9), offer(A), write(A, 0, 3),
            write(A, 1, 5), write(A, 2, 0), write(A, 3, 4), write(A, 8, 5),
            write(A, 9, 2), ("TURN",), ("TURN",), offer(A), REST],
    "backlog": [connect(A, 0)] + [data(A, 0, 7), ("TURN",)] * 8 + [
        read(A, 0), REST] * 4,
    "no-credit": [connect(A, 0)] + [data(A, 0, 7)] * 5 + [REST],
    "small-credit": [connect(A, 8), packet(A, 8, UPDATE, credit=SMALL),
                     write(A, 8, 4), offer(A), REST, ("CREDIT", A, 8, 0, 0, 2),
                     REST, packet(A, 8, UPDATE, credit=NONE), write(A, 8, 4),
                     REST, ("TIME", 2), REST],
    "windows": [connect(A, 8, FEW), write(A, 8, 4), REST, ("CREDIT", A, 8, 0,
                                                           0, FEW), REST,
                write(A, 8, 0), REST, data(A, 8, 2), connect(B, 0, SMALL),
                connect(A, 12, FEW, SMALL), write(B, 0, 1), data(A, 12, 1),
                REST, write(B, 0, 2), data(B, 20, 1), REST, data(B, 20, 3),
                REST, ("CREDIT", B, 0, 0, 0, SMALL), REST],
    "lies": [connect(A, 0), write(A, 0, 3), REST,
             packet(A, 0, UPDATE, lie=12), REST,
             packet(A, 0, UPDATE, lie=14), REST],
    "messages": [connect(A, 4), data(A, 4, 2), data(A, 4, 3, 1), REST,
                 read(A, 4), write(A, 4, 5), offer(A), REST, write(A, 4, 0),
                 write(A, 4, 1), offer(A, 0, 31, 1), REST, connect(A, 10),
                 write(A, 10, 4), data(A, 10, 4, 1), data(A, 10, 1, 1), REST,
                 read(A, 10), read(A, 10)],
    "long-message": [connect(A, 5), data(A, 5, 7), data(A, 5, 7),
                     data(A, 5, 7, 1), REST],
    "resets": [packet(A, 0, RW, 3), packet(A, 0, RST), packet(A, 8, SHUTDOWN),
               REST, connect(A, 0), packet(A, 0, RST), packet(A, 0, SHUTDOWN,
                                                              flags=2),
               packet(A, 0, REQUEST), REST],
    "strange": [connect(A, 0)] + [packet(A, 0, RW, 2, strange=9 + i)
                                  for i in range(1, 7)] + [REST],
    "shapes": [connect(A, 0), offer(A, 2, 3, 2), offer(A, 3, 3, 3),
               offer(A, 4, 3, 4), write(A, 0, 4), data(A, 0, 2, 0, 0),
               data(A, 0, 2, 0, 2), data(A, 0, 2, 0, 3), data(A, 0, 2, 0, 4),
               REST, read(A, 0), offer(A, 0, 31, 0), write(A, 0, 2), REST],
    "siblings": [connect(A, 12), data(A, 12, 3), data(B, 20, 4), offer(A),
                 offer(B), REST, ("CREDIT", A, 12), ("CREDIT", B, 20), REST,
                 packet(B, 20, SHUTDOWN, flags=2), data(A, 12, 3), REST,
                 packet(A, 12, SHUTDOWN, flags=3), REST],
    "lanes": [connect(A, 16), data(A, 16, 3), data(C, 20, 4), offer(A),
              offer(C), ("TURN",), data(A, 16, 5), ("TURN", 2), REST,
              packet(C, 20, RST), REST],
    "sibling-messages": [connect(A, 14), connect(C, 19), data(A, 14, 5, 1),
                         data(A, 14, 2), data(C, 19, 4, 3), offer(A), offer(B),
                         REST, offer(A), offer(B), REST, data(A, 14, 2, 1),
                         REST],
    "sibling-full": [connect(A, 12), data(A, 12, 7), data(A, 12, 7), REST,
                     offer(B, 1, 3), REST, offer(B), REST],
    "messages-wait": [connect(A, 4)] + [data(A, 4, 7, 1)] * 4 + [
        data(A, 4, 1), data(A, 4, 1, 1), data(A, 4, 2, 1), REST] + [
        read(A, 4), read(A, 4), REST] * 4,
    "greedy": [connect(A, 0), connect(A, 1)] + [
        ("STREAM", A, 0, 0, 127), ("STREAM", A, 1, 0, 127)] * 3 + [
        ("STREAM", A, 0, 3), REST],
    "late": [connect(A, 12), data(B, 20, 2), packet(A, 12, RST), REST,
             packet(A, 12, REQUEST), data(B, 20, 1), REST, data(B, 20, 1),
             ("CREDIT", B, 20), REST, ("SERVE",), REST, data(A, 12, 2),
             data(B, 20, 2), REST, connect(A, 17), packet(C, 21, UPDATE),
             packet(A, 17, RST), REST, packet(A, 17, REQUEST), ("TURN",),
             packet(C, 21, SHUTDOWN, flags=3), ("TURN", 1), ("SERVE",), REST,
             data(C, 21, 1), REST],
    "features": [("SET_UP", A, 2), ("SET_UP", B, 4), ("SET_UP", C, 41),
                 connect(A, 0), connect(B, 8), connect(C, 12), data(A, 0, 3),
                 write(B, 8, 3), data(C, 12, 2), REST],
    "in-order": [("SET_UP", A, 33), connect(A, 0), connect(A, 8), write(A, 0, 5),
                 write(A, 8, 3), data(A, 0, 3), data(A, 8, 2), offer(A), REST,
                 write(A, 0, 3), write(A, 8, 0), ("TURN",), offer(A), REST],
    "hurry": [connect(A, 0), connect(A, 1), connect(A, 8), data(A, 0, 7),
              data(A, 0, 6), write(A, 1, 7), data(A, 8, 0), ("TURN",),
              ("TIME", 0), data(A, 8, 0), data(A, 0, 6), write(A, 1, 7),
              offer(A), ("TURN",), ("TIME", 0), write(A, 8, 0), offer(A),
              ("TURN", 3), read(A, 0), REST],
}

# Vsock: what the fields of each step mean, parts_*.c says.
ALL = 0xffff
LACK_1, LACK_2 = 0xc0, 0xc1


def inserts(cid, peer, port, lack=0):
    return ("TABLE_INSERT", cid, peer, lack, port)


def gives(peer, count, lack=0):
    return ("TABLE_GIVE", 0, peer, lack, count)


def ends(cid, peer, port, count, lack=0):
    return ("ENDED_ADD", cid, peer, lack, port, count)


def plays(conn, fact, value=0, d=0, e=0):
    return ("DUES_PLAY", conn, fact, value, d, e)


VSOCK = {
    "backlog": [("BACKLOG_ADD", 3, 0, 0, 1000), ("BACKLOG_DROP", 0, 0, 0, 500),
                ("BACKLOG_ADD", 200, 5, 0, 3000), ("BACKLOG_REFUSE",),
                ("BACKLOG_ADD", 1, 0, 0, 60000), ("BACKLOG_DROP", 0, 0, 0,
                                                  60000),
                ("BACKLOG_ADD", 1, 0, LACK_1, 50000), ("BACKLOG_DROP", 255)],
    "messages": [("MESSAGES_ADD", 9, 0, 0, 100), ("MESSAGES_ADD", 2, 8, 0,
                                                  1000),
                 ("MESSAGES_WALK",), ("MESSAGES_DROP", 4),
                 ("MESSAGES_ADD", 0, 15, 0, 65535), ("MESSAGES_DROP", 255),
                 ("MESSAGES_ADD", 0, 0, LACK_1, 1)],
    "parcels": [("PARCELS_ADD", 1, 2, 0, 300), ("PARCELS_DROP", 0, 0, 0, 100),
                ("PARCELS_ADD", 4, 3, 0, 50), ("PARCELS_DROP", 5, 0, 0, 400),
                ("PARCELS_REFUSE",)],
    "parcels-empty": [("PARCELS_ADD", 1, 255)] * 5 + [
        ("PARCELS_DROP", 255), ("PARCELS_ADD", 1, 0)],
    "parcels-joined": [("PARCELS_ADD", 4), ("PARCELS_ADD", 4, 0, 0, 10),
                       ("PARCELS_DROP", 0, 0, 0, 10), ("PARCELS_ADD", 4)],
    "parcels-lacking": [("PARCELS_ADD", 0, 0, LACK_2, 9000)],
    "ports": [("PORTS_ASK", 0, 20), ("PORTS_TAKE", 1, 0, 0, 0, ALL),
              ("PORTS_ASK", 1, 1), ("PORTS_LEAVE", 0, 0, 0, 2345, 9),
              ("PORTS_ASK", 1, 3)],
    "ports-by-map": [("PORTS_MAP", 1), ("PORTS_USE", 0, 0, 0, 0, ALL),
                     ("PORTS_LEAVE", 0, 0, 0, 100, 3), ("PORTS_ASK", 2, 7),
                     ("PORTS_ASK", 2, 9), ("PORTS_TAKE", 3, 0, 0, 0, ALL),
                     ("PORTS_ASK", 3), ("PORTS_MAP",),
                     ("PORTS_MAP", 1, 0, LACK_1)],
    "table": [inserts(0, 1, 5000), inserts(0, 1, 5000), inserts(1, 2, 7),
              gives(0, 40), inserts(0x80, 0, 12000), ("TABLE_WALK",),
              ("TABLE_REMOVE", 0, 0, 0, 3, 9), ("TABLE_WALK",)],
    "table-crowded": [gives(0, ALL), gives(1, ALL), gives(2, ALL),
                      ("TABLE_WALK",), ("TABLE_REMOVE", 0, 0, 0, 0, ALL),
                      gives(0, ALL, LACK_2)],
    "table-lacking": [inserts(0, 0, 1, LACK_1), gives(0, 11), gives(
        0, 0, LACK_1), gives(0, 0)],
    "ended": [ends(0, 1, 5000, 3), ("ENDED_ASK", 0, 1, 0, 5001),
              ("ENDED_FORGET", 0, 1, 0, 5001), ("ENDED_ASK", 0, 1, 0, 5001),
              ("ENDED_PASS", 0, 0, 0, 241), ("ENDED_ASK", 0, 1, 0, 5000)],
    "ended-many": [ends(0, 0, 0, ALL), ends(1, 1, 0, ALL),
                   ("ENDED_PASS", 0, 0, 0, 40), ends(1, 2, 0, ALL),
                   ("ENDED_PASS", 0, 0xf0)],
    "ended-lacking": [ends(0, 0, 0, 0, LACK_1), ends(0, 0, 0, 60, LACK_1)],
    "dues": [plays(1, 4, 1), plays(1, 1, 1, 0, 500), plays(1, 4, 0, 900),
             plays(1, 4), ("DUES_PASS", 0, 0, 0, 20), plays(1, 4, 1),
             ("DUES_PASS", 0, 0, 0, 80), plays(0, 6), plays(0, 4, 1),
             plays(0, 1, 3, 3), plays(2, 7), plays(3, 0), plays(2, 6),
             plays(2, 6, 0, 1), ("DUES_PASS", 1, 0, 0, 4000)],
    "dues-crossed": [plays(0, 6, 2), plays(0, 4, 1), plays(0, 6, 0, 1),
                     plays(0, 4, 1), plays(0, 1, 3, 3),
                     ("DUES_PASS", 0, 0, 0, 99), ("DUES_PASS", 0, 0, 0, 1)],
}


def encode(names, steps):
    out = b""
    for step in steps:
        values = list(step[1:]) + [0] * (6 - len(step))
        out += struct.pack("<BBBBHH", names.index(step[0]), *values)
    return out


def write_seeds(target, seeds):
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds",
                          target)
    os.makedirs(folder, exist_ok=True)
    for name, steps in seeds.items():
        with open(os.path.join(folder, name), "wb") as seed:
            seed.write(encode(STEPS[target], steps))


def show(target, path):
    names = STEPS[target]
    with open(path, "rb") as file:
        data = file.read()
    for at in range(0, len(data) - 7, 8):
        op, *values = struct.unpack("<BBBBHH", data[at:at + 8])
        print(names[op % len(names)], *values)


if len(sys.argv) == 3:
    show(sys.argv[1], sys.argv[2])
else:
    write_seeds("session", SESSION)
    write_seeds("guest", GUEST)
    write_seeds("vsock", VSOCK)
