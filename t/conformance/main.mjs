/*
 * Copyright (C) LLMBroker contributors
 */


import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Exceptions } from './exceptions.mjs';
import { Runner } from './runner.mjs';


/*
 * main.mjs CORPUS: replays each case of the recorded traffic in that folder
 * through the gateway.  Ends with a count.
 *
 *   NGINX_BINARY, OBJS   which nginx and which modules
 *   CASE                 only cases whose "group/name" contains that
 *   DETAILS              how many lines of details a group may have (30)
 *   FEW                  fewer cuttings
 *   LIMIT                seconds for all of it (600)
 */

const here = path.dirname(fileURLToPath(import.meta.url));
const { env } = process;


async function main(corpus) {
    if (!corpus || !fs.existsSync(corpus)) {
        console.error(corpus ? `there is no ${corpus}`
            : 'usage: main.mjs CORPUS, a folder with a folder of cases for '
              + 'each group');
        return 1;
    }

    const exceptions = new Exceptions(path.join(here, 'exceptions.json'));
    const runner = new Runner(corpus, {
        objs: path.resolve(env.OBJS || path.join(here, '../../objs')),
        only: env.CASE || '', few: Boolean(env.FEW),
        limit: Number(env.LIMIT || 600) });

    try {
        await runner.start();

        const checked = await runner.replay();

        await runner.gateway.stop();

        const { passed, failed, lines } = runner.report(
            checked, exceptions, Number(env.DETAILS || 30));

        console.log(lines.join('\n'));
        console.log(`${passed} passed, ${failed} failed`);

        return failed || !passed ? 1 : 0;

    } catch (e) {
        console.log(e.stack);
        console.log('0 passed, 1 failed');
        return 1;

    } finally {
        await runner.stop();
    }
}


process.exitCode = await main(process.argv[2]);
