/*
 * Copyright (C) LLMBroker contributors
 */


import nodeTest from 'node:test';

import { Gateway, model } from './gateway.mjs';
import { Provider } from './provider.mjs';


/*
 * A row of the fault matrix.  What it starts is stopped when it has ended, also
 * when its time is over, and a complaint in nginx's log is a failure.
 */

class Row {

    #started = [];


    async provider(script, options) {
        const provider = await Provider.start(script, options);

        this.#started.push(provider);

        return provider;
    }


    /* anything that has stop() */

    also(thing) {
        this.#started.push(thing);

        return thing;
    }


    async gateway(options) {
        const gateway = await Gateway.start(options);

        this.#started.push(gateway);

        return gateway;
    }


    /* one whose only model, "m", asks these providers in this order */

    between(providers, more, options = {}) {
        return this.gateway({ models: { m: model(providers, more) },
                              ...options });
    }


    async stop(passed) {
        const failures = [];

        for (const thing of passed ? this.#started : []) {
            await thing.account?.().catch((e) => failures.push(e));
        }

        for (const thing of this.#started.reverse()) {
            try {
                await thing.stop();

            } catch (e) {
                failures.push(e);
            }
        }

        return failures;
    }
}


export function row(name, options, fn) {
    if (typeof options === 'function') {
        fn = options;
        options = {};
    }

    const { within = 45000, ...more } = options;

    nodeTest(name, more, async () => {
        const one = new Row();
        let failure, timer;

        const late = new Promise((_, reject) => {
            timer = setTimeout(() => reject(new Error(`not done in ${within} `
                                                      + 'ms')), within);
        });

        try {
            await Promise.race([fn(one), late]);

        } catch (e) {
            failure = e;
        }

        clearTimeout(timer);

        const failures = await one.stop(!failure);

        if (failure || failures.length) {
            throw failure || failures[0];
        }
    });
}
