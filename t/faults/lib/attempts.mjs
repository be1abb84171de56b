/*
 * Copyright (C) LLMBroker contributors
 */


import assert from 'node:assert/strict';


/*
 * The log and the answer tell of these attempts: providers in their order, or
 * just their number; and of these statuses, as nginx has them.
 */

export async function assertAttempts(gateway, answer, asked, statuses) {
    const entry = await gateway.entry(answer.id);
    const addresses = entry.addr.split(', ');
    const n = asked.length ?? asked;

    if (asked.length !== undefined) {
        assert.deepEqual(addresses, asked.map(({ address }) => address));

    } else {
        assert.equal(addresses.length, n, entry.addr);
    }

    if (statuses) {
        assert.equal(entry.upstream_status, statuses.join(', '));
    }

    assert.equal(entry.attempts, String(n));
    assert.equal(entry.upstream_time.split(', ').length, n);

    if (answer.head) {
        assert.equal(answer.head['x-llmbroker-attempts'], String(n));
    }
}
