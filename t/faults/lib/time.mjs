/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import fs from 'node:fs';
import { performance } from 'node:perf_hooks';


/*
 * Milliseconds.  FAULTS_SLACK multiplies what is tolerated; with the sanitizers
 * 100 ms more are.  What this very process was late by, and what the kernel let
 * nginx wait for a processor, both measured below, is tolerated as well: on a
 * busy machine it is not the gateway's.
 */

export const sanitized = process.env.BUILD === 'asan';

const slack = Number(process.env.FAULTS_SLACK || 1);

const period = 10;
const lags = [];
const waits = [{ at: 0, sum: 0 }];
const waited = new Map();

let watched = [];
let due = performance.now() + period;


/* processes whose waiting counts */

export function watch(pids) {
    watched = [...new Set([...watched, ...pids])];
}


/* the second number of schedstat: nanoseconds on a run queue */

function look() {
    watched = watched.filter((pid) => {
        try {
            const text = fs.readFileSync(`/proc/${pid}/schedstat`, 'utf8');

            waited.set(pid, Number(text.split(' ')[1]) / 1e6);

            return true;

        } catch {
            return false;
        }
    });

    const sum = [...waited.values()].reduce((all, one) => all + one, 0);

    if (sum !== waits.at(-1).sum) {
        waits.push({ at: performance.now(), sum });
    }

    return sum;
}


setInterval(() => {
    const at = performance.now();

    if (at - due > 5) {
        lags.push({ at, lag: at - due });
    }

    due = at + period;

    look();

    for (const list of [lags, waits]) {
        if (list.length > 10000) {
            list.splice(0, 5000);
        }
    }
}, period).unref();


export const now = () => performance.now();


export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));


/* how late it may be for no fault of its own, since a time */

function late(since) {
    const before = waits.filter(({ at }) => at <= since).at(-1)
        ?? waits[0];

    return lags.filter(({ at }) => at >= since)
        .reduce((most, { lag }) => Math.max(most, lag), 0)
        + look() - before.sum;
}


export function tolerance(ms, since = now()) {
    return ms * slack + (sanitized ? 100 : 0) + late(since);
}


/* at "at", "ms" milliseconds after "since" are over, give or take "by" */

export function assertAfter(since, at, ms, by = 50, what = 'it') {
    const took = at - since;
    const allowed = tolerance(by, since);

    assert.ok(Math.abs(took - ms) <= allowed,
              `${what} took ${took.toFixed(1)} ms, not ${ms} +- `
              + `${allowed.toFixed(1)}`);
}


export function assertWithin(since, at, ms, what = 'it') {
    const took = at - since;
    const allowed = tolerance(ms, since);

    assert.ok(took <= allowed, `${what} took ${took.toFixed(1)} ms, more than `
                               + allowed.toFixed(1));
}


/* waits until the condition holds, which is to be seen by asking again */

export async function eventually(what, condition, within = 5000, every = 10) {
    const end = now() + within;

    for (;;) {
        const value = await condition();

        if (value) {
            return value;
        }

        if (now() > end) {
            assert.fail(`never: ${what}`);
        }

        await sleep(every);
    }
}
