/*
 * Copyright (C) LLMBroker contributors
 */


import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { Check } from './check.mjs';
import { casesOf, groupsOf } from './corpus.mjs';
import { Gateway } from './gateway.mjs';
import { Provider } from './provider.mjs';


/* rows of the gateway's table that may be missing, and what does instead */

const instead = { bedrock: 'claude' };


/*
 * All cases of a corpus, one nginx and one provider for them.  options: objs,
 * only (what a case's "group/name" has to contain), few, limit in seconds.
 */

export class Runner {

    constructor(corpus, options) {
        this.options = { limit: 240, only: '', ...options };
        this.notes = [];

        this.groups = groupsOf(corpus).map((group) => ({
            group, cases: casesOf(corpus, group) }));
        this.cases = this.groups.flatMap(({ cases }) => cases);

        this.work = fs.mkdtempSync(path.join(os.tmpdir(), 'conformance-'));
        this.provider = new Provider();
        this.gateway = new Gateway(this.work, options.objs);
    }


    async start() {
        const leave = async () => {
            await this.stop();
            process.exit(1);
        };

        process.once('SIGINT', leave);
        process.once('SIGTERM', leave);

        await this.provider.start();
        await this.gateway.start(this.#models());
    }


    async stop() {
        await this.gateway.stop();
        this.provider.stop();
        fs.rmSync(this.work, { recursive: true, force: true });
    }


    /* a model per case, so that a request's path tells the case */

    #models() {
        const rows = new Map();

        this.cases.forEach((item, i) => {
            item.key = `c${i}`;
            item.alias = `case-${i}`;

            if (instead[item.provider]) {
                item.provider = this.#row(rows, item);
            }
        });

        return this.cases.map((item) => this.#model(item));
    }


    #row(rows, item) {
        const { provider: name } = item;

        if (!rows.has(name)) {
            const { ok } = this.gateway.test([this.#model(item)]);

            rows.set(name, ok ? name : instead[name]);

            if (!ok) {
                this.notes.push(`there is no provider "${name}": it is `
                                + `tested as "${instead[name]}"`);
            }
        }

        return rows.get(name);
    }


    #model({ alias, provider, key, base, model: name }) {
        return { alias, provider, name,
                 more: provider === 'bedrock' ? { region: 'us-east-1' } : {},
                 url: `http://127.0.0.1:${this.provider.port}/${key}${base}` };
    }


    /*
     * Some cases at the same time; each is a row of requests.  Gives a Map of
     * the cases' failures.
     */

    async replay({ gateway = this.gateway, provider = this.provider,
                   only = this.options.only } = {})
    {
        const { few, limit } = this.options;

        const queue = this.cases.filter(({ group, name }) =>
            `${group}/${name}`.includes(only));
        const checked = new Map();
        const end = Date.now() + limit * 1000;

        const worker = async () => {
            for (let item = queue.shift(); item; item = queue.shift()) {
                const check = new Check({ ...item },
                                        { gateway, provider, few });

                checked.set(item, Date.now() < end ? await check.run()
                    : [{ part: 'response',
                         message: `not reached within ${limit} s` }]);
            }
        };

        await Promise.all([1, 2, 3, 4].map(worker));

        return checked;
    }


    /* { passed, failed, lines }; most: how many details a group may have */

    report(checked, exceptions, most = 30) {
        const lines = [...this.notes];

        let passed = 0;
        let failed = 0;

        for (const { group, cases } of this.groups) {
            const seen = cases.filter((item) => checked.has(item));

            if (seen.length) {
                const counts = judge(seen, checked, exceptions);

                lines.push(`${group}: ${seen.length} cases, ${counts.passed} `
                           + `passed, ${counts.excepted} excepted`,
                           ...bounded(counts.details, most));

                passed += counts.passed;
                failed += counts.failed;
            }
        }

        const others = [...this.gateway.complaints(),
                        ...(this.options.only ? [] : exceptions.unused())];

        lines.push(...others.slice(0, 20));
        failed += others.length;

        return { passed, failed, lines };
    }
}


function judge(cases, checked, exceptions) {
    const counts = { passed: 0, excepted: 0, failed: 0, details: [] };

    for (const item of cases) {
        const { left, stale, all } = exceptions.apply(item,
                                                      checked.get(item));

        const wrong = [...left.map(({ part, message }) =>
                           `${part}: ${message}`),
                       ...stale.map((reason) =>
                           `the exception does not apply: ${reason}`)];

        if (wrong.length) {
            counts.failed++;
            counts.details.push(`  ${item.group}/${item.name}`,
                                ...bounded(wrong, 8).map((line) =>
                                    `      ${line}`));

        } else if (all) {
            counts.excepted++;

        } else {
            counts.passed++;
        }
    }

    return counts;
}


function bounded(lines, most) {
    return lines.length <= most ? lines
        : [...lines.slice(0, most), `  and ${lines.length - most} lines more`];
}
