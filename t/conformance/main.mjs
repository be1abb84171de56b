/*
 * Copyright (C) LLMBroker contributors
 */


import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Check } from './check.mjs';
import { casesOf, groupsOf } from './corpus.mjs';
import { Exceptions } from './exceptions.mjs';
import { Gateway } from './gateway.mjs';
import { Provider } from './provider.mjs';


/*
 * main.mjs CORPUS: replays each case of the recorded traffic in that folder
 * through the gateway.  Ends with a count.
 *
 *   NGINX_BINARY, OBJS   which nginx and which modules
 *   CASE                 only cases whose "group/name" contains that
 *   DETAILS              how many lines of details a group may have (30)
 *   FEW                  fewer cuttings
 *   LIMIT                seconds for all of it (240)
 *   EXCEPTIONS           the list of exceptions (exceptions.json)
 */

const here = path.dirname(fileURLToPath(import.meta.url));
const objs = path.resolve(process.env.OBJS || path.join(here, '../../objs'));
const limit = Number(process.env.LIMIT || 240);
const most = Number(process.env.DETAILS || 30);
const only = process.env.CASE || '';


/* rows of the gateway's table that may be missing, and what does instead */

const instead = { azure: 'openai', bedrock: 'claude', deepseek: 'openai',
                  groq: 'openai', mistral: 'openai', ollama: 'openai',
                  openrouter: 'openai', xai: 'openai',
                  openai_compatible: 'openai' };


async function main() {
    const corpus = process.argv[2];

    if (!corpus || !fs.existsSync(corpus)) {
        console.error('usage: main.mjs CORPUS, a folder with a folder of '
                      + 'cases for each group');
        return 1;
    }

    const groups = groupsOf(corpus).map((group) => ({
        group, cases: casesOf(corpus, group) }));
    const cases = groups.flatMap((group) => group.cases);

    const exceptions = new Exceptions(
        process.env.EXCEPTIONS || path.join(here, 'exceptions.json'));

    const work = fs.mkdtempSync(path.join(os.tmpdir(), 'conformance-'));
    const provider = new Provider();
    const gateway = new Gateway(work, objs);

    try {
        await provider.start();
        await gateway.start(models(cases, gateway, provider.port));

        const checked = await replay(cases, { gateway, provider });

        await gateway.stop();

        return report(groups, checked, exceptions, gateway);

    } catch (e) {
        console.log(e.stack);
        console.log('0 passed, 1 failed');
        return 1;

    } finally {
        await gateway.stop();
        provider.stop();
        fs.rmSync(work, { recursive: true, force: true });
    }
}


/* a model per case, so that a request's path tells the case */

function models(cases, gateway, port) {
    const rows = new Map();

    const row = (name) => {
        if (instead[name] && !rows.has(name)) {
            const { ok, message } = gateway.test([model({
                alias: 'x', provider: name, key: 'x', base: '/v1',
                model: 'x' }, port)]);

            rows.set(name, ok ? name : instead[name]);

            if (!ok) {
                console.log(`no provider "${name}": "${instead[name]}" `
                            + `instead (${/\[emerg\] (.*)/.exec(message)?.[1]
                                          || message})`);
            }
        }

        return rows.get(name) || name;
    };

    cases.forEach((item, i) => {
        item.key = `c${i}`;
        item.alias = `case-${i}`;
        item.provider = row(item.provider);
    });

    gateway.port = undefined;

    return cases.map((item) => model(item, port));
}


function model({ alias, provider, key, base, model: name }, port) {
    const more = provider === 'bedrock' ? { region: 'us-east-1' } : {};

    return { alias, provider, name, more,
             url: `http://127.0.0.1:${port}/${key}${base}` };
}


/* some cases at the same time; each is a row of requests */

async function replay(cases, tools) {
    const queue = cases.filter(({ group, name }) =>
        `${group}/${name}`.includes(only));
    const checked = new Map();
    const end = Date.now() + limit * 1000;

    const worker = async () => {
        for (let item = queue.shift(); item; item = queue.shift()) {
            const check = new Check(item, { ...tools,
                                            few: Boolean(process.env.FEW) });

            if (Date.now() > end) {
                checked.set(item, [{ part: 'response', message:
                    `not reached within ${limit} s` }]);
                continue;
            }

            checked.set(item, await check.run());
        }
    };

    await Promise.all([1, 2, 3, 4].map(worker));

    return checked;
}


function report(groups, checked, exceptions, gateway) {
    let passed = 0;
    let failed = 0;

    for (const { group, cases } of groups) {
        const details = [];
        const counts = { passed: 0, excepted: 0 };
        const seen = cases.filter((item) => checked.has(item));

        if (seen.length === 0) {
            continue;
        }

        for (const item of seen) {
            const { left, excepted, stale } = exceptions.apply(
                item, checked.get(item));

            const wrong = [...left.map(({ part, message }) =>
                               `${part}: ${message}`),
                           ...stale.map((reason) => 'the exception does not '
                                                    + `apply: ${reason}`)];

            if (wrong.length) {
                failed++;
                details.push(`  ${group}/${item.name}`,
                             ...wrong.slice(0, 6).map((line) =>
                                 `      ${line}`));

            } else if (excepted === 'all') {
                counts.excepted++;

            } else {
                counts.passed++;
            }
        }

        passed += counts.passed;

        console.log(`${group}: ${seen.length} cases, ${counts.passed} `
                    + `passed, ${counts.excepted} excepted`);

        for (const line of details.slice(0, most)) {
            console.log(line);
        }

        if (details.length > most) {
            console.log(`  and ${details.length - most} lines more `
                        + '(DETAILS=1000 shows them)');
        }
    }

    const others = gateway.complaints();

    if (!only) {
        others.push(...exceptions.unused());
    }

    for (const line of others.slice(0, 20)) {
        console.log(line);
    }

    failed += others.length;

    console.log(`${passed} passed, ${failed} failed`);

    return failed || !passed ? 1 : 0;
}


process.exitCode = await main();
