/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * How the bytes of an answer are cut on the wire.  Chunked framing makes the
 * cuts certain: nginx hands over each chunk on its own, however many of them
 * it has read at once.  With the other framings the cuts are those of write()
 * and of the socket.
 */

const sizes = [1, 2, 3, 5, 7, 11, 16, 64, 100, 257, 1024, 4096];


/* a generator of pseudo-random numbers below 1: mulberry32 */

export function random(seed) {
    let state = seed >>> 0;

    return () => {
        state = (state + 0x6d2b79f5) >>> 0;

        let t = Math.imul(state ^ (state >>> 15), 1 | state);

        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;

        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}


function fixed(length, size) {
    const cuts = [];

    for (let at = size; at < length; at += size) {
        cuts.push(at);
    }

    return cuts;
}


/* bytes one by one at both ends; a write() for each of all takes too long */

function ends(length) {
    const cuts = [];

    for (let at = 1; at < length;
         at += at < 1500 || at >= length - 1500 ? 1
               : Math.min(512, length - 1500 - at))
    {
        cuts.push(at);
    }

    return cuts;
}


function seeded(length, seed) {
    const next = random(seed);
    const cuts = [];
    const most = [3, 20, 60, 300][seed % 4];

    for (let at = 1 + Math.floor(next() * most); at < length;
         at += 1 + Math.floor(next() * most))
    {
        cuts.push(at);
    }

    return cuts;
}


/* in the middle of line ends, of characters and of escapes */

function nasty(body) {
    const cuts = [];

    for (let i = 1; i < body.length; i++) {
        if (body[i] === 0x0a || (body[i] & 0xc0) === 0x80
            || body[i - 1] === 0x5c || body[i] === 0x3a)
        {
            cuts.push(i);
        }
    }

    return cuts;
}


/* [{ name, framing, pieces }], the first of them all at once */

export function cuttings(body, few) {
    const list = [
        { name: 'whole', framing: 'length', cuts: [] },
        { name: 'whole, chunked', framing: 'chunked', cuts: [] },
        { name: 'whole, to the end', framing: 'close', cuts: [] }
    ];

    for (const size of few ? [1, 7, 64] : sizes) {
        list.push({ name: `${size} each`, framing: 'chunked',
                    cuts: fixed(body.length, size) });
    }

    for (let seed = 1; seed <= (few ? 1 : 6); seed++) {
        list.push({ name: `random ${seed}`, framing: 'chunked',
                    cuts: seeded(body.length, seed) });
    }

    list.push({ name: 'nasty', framing: 'chunked', cuts: nasty(body) },
              { name: 'written 1 each', framing: 'close',
                cuts: ends(body.length) });

    if (!few) {
        list.push({ name: 'written 13 each', framing: 'length',
                    cuts: fixed(body.length,
                            Math.max(13, Math.ceil(body.length / 1500))) },
                  { name: 'written random', framing: 'chunked', slow: true,
                    cuts: seeded(body.length, 99) });
    }

    return list.map(({ cuts, ...how }) => ({ ...how,
                                             pieces: cut(body, cuts) }));
}


function cut(body, cuts) {
    const pieces = [];

    let from = 0;

    for (const to of [...cuts, body.length]) {
        if (to > from) {
            pieces.push(body.subarray(from, to));
            from = to;
        }
    }

    return pieces;
}
