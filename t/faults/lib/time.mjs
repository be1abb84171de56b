/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';


/*
 * Milliseconds.  FAULTS_SLACK multiplies what is tolerated, for machines that
 * are busy with other things; with the sanitizers 100 ms more are.  What this
 * very process was late by, measured below, is tolerated as well: it is not
 * the gateway's.
 */

export const sanitized = process.env.BUILD === 'asan';

const slack = Number(process.env.FAULTS_SLACK || 1);

const lags = [];
let due = performance.now() + 10;

setInterval(() => {
    const at = performance.now();

    if (at - due > 5) {
        lags.push({ at, lag: at - due });
    }

    due = at + 10;

    if (lags.length > 10000) {
        lags.splice(0, 5000);
    }
}, 10).unref();


export const now = () => performance.now();


export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));


/* how late this process was, at the worst, since a time */

function late(since) {
    return lags.filter(({ at }) => at >= since)
        .reduce((most, { lag }) => Math.max(most, lag), 0);
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
