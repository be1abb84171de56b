/*
 * Copyright (C) LLMBroker contributors
 */


import fs from 'node:fs';


/*
 * The list of what cannot be as the recording is, each with its reason:
 *
 *   [{ "cases": ["group/name", "group/*"], "part": "request", "reason": "" }]
 *
 * A star is any text.  part is "response", "request" or, without one, both.
 * An exception that has nothing to excuse, and a case that does not exist, is
 * a failure.
 */

export class Exceptions {

    constructor(file) {
        this.list = JSON.parse(fs.readFileSync(file, 'utf8'))
            .flatMap(({ cases, part, reason }) => cases.map((pattern) =>
                ({ pattern, part, reason, used: false })));
    }


    /*
     * { left, stale, all }: failures without excuse, exceptions without
     * use, and whether what the case is about is excepted.
     */

    apply({ group, name }, failures) {
        const full = `${group}/${name}`;
        const mine = this.list.filter(({ pattern }) => matches(pattern, full));

        let left = failures;

        const stale = [];

        for (const entry of mine) {
            const kept = left.filter(({ part }) =>
                entry.part && entry.part !== part);

            entry.used = true;

            if (kept.length === left.length) {
                stale.push(entry.reason);
            }

            left = kept;
        }

        return { left, stale, all: left.length < failures.length
                                   && mine.some(({ part }) =>
                                       part !== 'request') };
    }


    /* patterns that no case has */

    unused() {
        return this.list.filter(({ used }) => !used).map(({ pattern }) =>
            `the exception for ${pattern}: there is no such case`);
    }
}


function matches(pattern, text) {
    const parts = pattern.split('*').map((part) =>
        part.replace(/[.?+^$(){}|[\]\\]/g, '\\$&'));

    return new RegExp(`^${parts.join('.*')}$`).test(text);
}
