/*
 * Copyright (C) LLMBroker contributors
 */


import { exact } from './json.mjs';
import { choice, tool, usage } from './neutral.mjs';
import { readEvents } from './sse.mjs';


/* DashScope's own protocol (wire_formats 6.3) */

export function read(json) {
    if (json.code) {
        return { choices: [], error: failure(json) };
    }

    const { output } = json;
    const choices = output.choices
        || [{ message: { content: output.text },
              finish_reason: output.finish_reason }];

    return {
        id: `chatcmpl-${json.request_id}`,
        usage: readUsage(json.usage),
        choices: choices.map(({ message, finish_reason: finish }) => choice({
            text: textOf(message.content),
            reasoning: message.reasoning_content || '',
            tools: (message.tool_calls || []).map((call) =>
                tool(call.id || undefined, call.function.name,
                     call.function.arguments)),
            finish: finish === 'null' ? undefined : finish
        }))
    };
}


function textOf(content) {
    return Array.isArray(content)
        ? content.map(({ text }) => text || '').join('') : content || '';
}


function readUsage(from) {
    if (!from) {
        return null;
    }

    return usage(from.input_tokens, from.output_tokens, from.total_tokens,
                 from.prompt_tokens_details?.cached_tokens,
                 from.output_tokens_details?.reasoning_tokens);
}


export function failure(json) {
    return { message: json.message ?? json.msg };
}


/*
 * Whether the frames hold all of the text or what is new of it was asked for
 * by incremental_output (N4, N6): a gateway always asks for the new.  Where
 * none was recorded, the frames tell: each starts with the one before.
 */

export function isCumulative(bytes) {
    const texts = readEvents(bytes).map(({ data }) => exact(data))
        .filter(({ output }) => output)
        .map(({ output }) => output.text
            ?? textOf(output.choices?.[0]?.message.content))
        .filter(Boolean);

    return texts.length > 1 && texts.every((text, i) =>
        i === 0 || text.startsWith(texts[i - 1]));
}


export function readStream(bytes) {
    const cumulative = isCumulative(bytes);

    let json = null;
    let finished = false;

    for (const { event, data } of readEvents(bytes)) {
        const frame = exact(data);

        if (event === 'error' || frame.code) {
            return { json, error: failure(frame) };
        }

        json ||= { output: { choices: [] } };
        json.request_id = frame.request_id ?? json.request_id;
        json.usage = frame.usage ?? json.usage;

        const choices = frame.output.choices
            || [{ message: { content: frame.output.text },
                  finish_reason: frame.output.finish_reason }];

        for (const from of choices) {
            const into = json.output.choices[from.index ?? 0]
                ||= { message: { role: 'assistant', content: '' } };

            add(into.message, from.message, cumulative);

            if (from.finish_reason && from.finish_reason !== 'null') {
                into.finish_reason = from.finish_reason;
                finished = true;
            }
        }
    }

    return { json, error: null, incomplete: !finished };
}


function add(into, { content, reasoning_content: reasoning,
                     tool_calls: calls }, cumulative)
{
    const joined = (old, more) => (cumulative
        ? (more.length >= old.length ? more : old) : old + more);

    into.content = joined(into.content, textOf(content));

    if (reasoning) {
        into.reasoning_content = joined(into.reasoning_content || '',
                                        reasoning);
    }

    for (const [position, part] of (calls || []).entries()) {
        const list = into.tool_calls ||= [];
        const call = list[part.index ?? position]
            ||= { index: part.index ?? position, id: '', type: 'function',
                  function: { name: '', arguments: '' } };

        call.id ||= part.id || '';

        if (part.function?.name) {
            call.function.name = cumulative ? part.function.name
                : call.function.name + part.function.name;
        }

        call.function.arguments = joined(call.function.arguments,
                                         part.function?.arguments || '');
    }
}


/* the frames of a buffered answer, as incremental_output gives them */

export function stream(json) {
    const { output, usage: counts, request_id: id } = json;
    const { message, finish_reason: finish } = output.choices?.[0]
        || { message: { content: output.text },
             finish_reason: output.finish_reason };

    const frame = (fields, end) => ({
        event: 'result',
        data: { output: { choices: [{ index: 0, finish_reason: end || 'null',
                                      message: { role: 'assistant',
                                                 content: '', ...fields } }] },
                usage: counts, request_id: id }
    });

    const frames = [];
    const cut = (text, fields) => {
        for (let at = 0; at < text.length; at += 7) {
            frames.push(frame(fields(text.slice(at, at + 7))));
        }
    };

    cut(message.reasoning_content || '',
        (text) => ({ reasoning_content: text }));
    cut(textOf(message.content), (text) => ({ content: text }));

    for (const [i, call] of (message.tool_calls || []).entries()) {
        frames.push(frame({ tool_calls: [{
            index: i, id: call.id, type: 'function',
            function: { name: call.function.name, arguments: '' } }] }));

        cut(call.function.arguments, (text) => ({ tool_calls: [{
            index: i, id: '', type: 'function',
            function: { arguments: text } }] }));
    }

    return [...frames, frame({}, finish)];
}
