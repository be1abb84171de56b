/*
 * Copyright (C) LLMBroker contributors
 */


import { choice, tool, usage } from './neutral.mjs';
import { readData } from './sse.mjs';


/* Gemini's generateContent, also as Vertex AI has it (wire_formats 7.1) */

const finishes = { STOP: 'stop', MAX_TOKENS: 'length',
                   SAFETY: 'content_filter', RECITATION: 'content_filter',
                   BLOCKLIST: 'content_filter', SPII: 'content_filter',
                   PROHIBITED_CONTENT: 'content_filter',
                   IMAGE_SAFETY: 'content_filter',
                   MODEL_ARMOR: 'content_filter', LANGUAGE: 'content_filter' };


export function read(json) {
    if (failure(json)) {
        return { choices: [], error: failure(json) };
    }

    const candidates = json.candidates
        || [{ finishReason: json.promptFeedback?.blockReason
                            && 'SAFETY' }];

    return {
        id: json.responseId,
        model: json.modelVersion,
        usage: readUsage(json.usageMetadata),
        choices: candidates.map(({ content, finishReason }) => {
            const parts = content?.parts || [];
            const said = (thought) => parts.filter((part) =>
                Boolean(part.thought) === thought)
                .map(({ text }) => text || '').join('');
            const tools = parts.filter((part) => part.functionCall)
                .map(({ functionCall: { id, name, args } }) =>
                    tool(id, name, args || {}));
            const finish = finishes[finishReason] || 'stop';

            return choice({ text: said(false), reasoning: said(true), tools,
                            finish: tools.length && finish === 'stop'
                                ? 'tool_calls' : finish });
        })
    };
}


function readUsage(from) {
    if (!from) {
        return null;
    }

    const thoughts = from.thoughtsTokenCount || 0;

    return usage(from.promptTokenCount + (from.toolUsePromptTokenCount || 0),
                 (from.candidatesTokenCount || 0) + thoughts,
                 from.totalTokenCount, from.cachedContentTokenCount,
                 thoughts);
}


export function failure(json) {
    const { error } = (Array.isArray(json) ? json[0] : json) || {};

    return error ? { message: error.message } : null;
}


export function readStream(bytes) {
    const json = {};

    let finished = false;

    for (const part of readData(bytes)) {
        if (failure(part)) {
            return { json, error: failure(part) };
        }

        const { candidates, ...rest } = part;

        Object.assign(json, rest);

        for (const from of candidates || []) {
            const into = (json.candidates ||= [])[from.index ?? 0]
                ||= { content: { role: 'model', parts: [] } };

            into.content.parts.push(...from.content?.parts || []);

            if (from.finishReason) {
                into.finishReason = from.finishReason;
                finished = true;
            }
        }

        finished ||= Boolean(part.promptFeedback?.blockReason);
    }

    return { json, error: null, incomplete: !finished };
}


export function stream(json) {
    const { candidates, ...top } = json;

    if (!candidates) {
        return [{ data: json }];
    }

    const events = [];

    for (const { content, finishReason, ...rest } of candidates) {
        for (const part of content?.parts || []) {
            for (const piece of pieces(part)) {
                events.push({ data: { ...top, candidates: [{
                    content: { role: 'model', parts: [piece] },
                    index: 0, ...rest }] } });
            }
        }

        events.push({ data: { ...top, candidates: [{
            content: { role: 'model', parts: [{ text: '' }] }, finishReason,
            index: 0, ...rest }] } });
    }

    return events;
}


function pieces(part) {
    if (!part.text) {
        return [part];
    }

    const list = [];

    for (let at = 0; at < part.text.length; at += 17) {
        list.push({ ...part, text: part.text.slice(at, at + 17) });
    }

    return list;
}
