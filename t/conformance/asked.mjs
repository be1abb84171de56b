/*
 * Copyright (C) LLMBroker contributors
 */


import { write } from './json.mjs';


/*
 * What a client of OpenAI's API would have sent for a provider to be asked
 * what was recorded: the way back of wire_formats 4.1, 6.3, 7.1 and 7.3.
 */

export const asked = { claude, dashscope, gemini, bedrock };


function defined(object) {
    return Object.fromEntries(Object.entries(object)
        .filter(([, value]) => value !== undefined));
}


function functionTool(name, description, parameters, more) {
    return { type: 'function', function: defined({ name, description,
                                                   parameters, ...more }) };
}


function call(id, name, args, more) {
    return { id, type: 'function', function: { name, arguments: args },
             ...more };
}


/* R */

function claude(from) {
    const { model, messages, system, tools, tool_choice: choice,
            stop_sequences: stop, metadata, thinking, stream,
            anthropic_version: version,
            output_config: output, ...rest } = from;

    const request = defined({
        ...rest, stop,
        user: metadata?.user_id,
        tools: tools?.length ? tools.map(claudeTool) : undefined,
        messages: [
            ...(system?.length ? [{ role: 'system',
                                    content: claudeParts(system) }] : []),
            ...messages.flatMap(claudeMessage)]
    });

    if (choice && request.tools) {
        request.tool_choice = { auto: 'auto', any: 'required', none: 'none' }
            [choice.type] || { type: 'function',
                               function: { name: choice.name } };

        if (choice.disable_parallel_tool_use) {
            request.parallel_tool_calls = false;
        }
    }

    const names = Object.keys(output || {}).join();

    if (thinking?.type === 'adaptive' && thinking.display === 'summarized'
        && names === 'effort')
    {
        request.reasoning_effort = output.effort;
        return request;
    }

    if (names === 'format') {
        request.response_format = {
            type: 'json_schema',
            json_schema: { name: 'recorded', strict: true,
                           schema: output.format.schema } };

    } else if (output) {
        request.output_config = output;
    }

    return defined({ ...request, thinking });
}


function claudeTool({ name, description, input_schema: schema, strict,
                      cache_control: cache })
{
    return defined({ ...functionTool(name, description, schema, { strict }),
                     cache_control: cache });
}


function claudeParts(content) {
    return typeof content === 'string' ? content : content.map(claudePart);
}


function claudePart({ type, text: said, source, title, cache_control: cache })
{
    const url = () => (source.type === 'url' ? source.url
        : `data:${source.media_type};base64,${source.data}`);

    const part = type === 'text' ? { type, text: said }
        : type === 'image' ? { type: 'image_url', image_url: { url: url() } }
        : { type: 'file', file: defined({
            filename: title,
            file_data: source.type === 'text'
                ? `data:text/plain;base64,${Buffer.from(source.data)
                    .toString('base64')}` : url() }) };

    return defined({ ...part, cache_control: cache });
}


function claudeMessage({ role, content }) {
    if (typeof content === 'string') {
        return [{ role, content }];
    }

    const of = (type) => content.filter((block) => block.type === type);

    if (role === 'assistant') {
        const calls = of('tool_use').map(({ id, name, input }) =>
            call(id, name, write(input)));
        const thoughts = content.filter(({ type }) =>
            type === 'thinking' || type === 'redacted_thinking');
        const said = of('text');

        return [defined({
            role,
            content: said.length ? claudeParts(said) : null,
            thinking_blocks: thoughts.length ? thoughts : undefined,
            tool_calls: calls.length ? calls : undefined })];
    }

    const results = of('tool_result').map((block) => defined({
        role: 'tool', tool_call_id: block.tool_use_id,
        content: claudeParts(block.content ?? ''),
        is_error: block.is_error || undefined,
        cache_control: block.cache_control }));
    const others = content.filter(({ type }) => type !== 'tool_result');

    return others.length
        ? [...results, { role, content: claudeParts(others) }] : results;
}


/* N */

function dashscope({ model, input, parameters = {} }) {
    const { result_format: format, incremental_output: incremental,
            ...rest } = parameters;

    const messages = input.messages
        || [{ role: 'user', content: input.prompt }];

    return { ...rest, messages: messages.map((message) => {
        const { role, content, id, extra, ...more } = message;

        return defined({
            role, ...more,
            content: Array.isArray(content)
                ? content.map(({ text: said }) => ({ type: 'text',
                                                     text: said }))
                : content,
            tool_call_id: role === 'tool' ? more.tool_call_id || id
                : undefined });
    }) };
}


/* 7.1 */

function gemini({ contents, systemInstruction: system, tools, toolConfig,
                  generationConfig: config = {}, ...rest })
{
    const declared = (tools || []).flatMap(
        ({ functionDeclarations: list }) => list || []);
    const choice = toolConfig?.functionCallingConfig;
    const messages = contents.flatMap(geminiMessages);

    if (system) {
        messages.unshift({ role: 'system', content: system.parts
            .map(({ text: said }) => ({ type: 'text', text: said })) });
    }

    return defined({
        messages,
        tools: declared.length ? declared.map((item) => functionTool(
            item.name, item.description, item.parametersJsonSchema
                || item.parameters_json_schema || item.parameters))
            : undefined,
        tool_choice: declared.length
            ? { ANY: 'required', NONE: 'none' }[choice?.mode] : undefined,
        temperature: config.temperature,
        top_p: config.topP,
        max_tokens: config.maxOutputTokens,
        stop: config.stopSequences,
        extra_body: rest.cachedContent || rest.safetySettings ? { google: {
            cached_content: rest.cachedContent,
            safety_settings: rest.safetySettings } } : undefined
    });
}


function geminiMessages({ role, parts }) {
    const signature = (part) => {
        const value = part.thoughtSignature || part.thought_signature;

        return value ? { extra_content: {
            google: { thought_signature: value } } } : {};
    };

    const messages = [];

    for (const part of parts) {
        const called = part.functionCall || part.function_call;
        const answered = part.functionResponse || part.function_response;

        if (called) {
            messages.push({ role: 'assistant', content: null, tool_calls: [
                call(called.id, called.name, write(called.args),
                     signature(part))] });

        } else if (answered) {
            messages.push({ role: 'tool', tool_call_id: answered.id,
                            content: write(answered.response) });

        } else {
            messages.push({ role: role === 'model' ? 'assistant' : 'user',
                            content: part.text, ...signature(part) });
        }
    }

    return messages;
}


/* 7.3 */

function bedrock({ messages, system, inferenceConfig: config = {}, toolConfig,
                   outputConfig })
{
    const tools = (toolConfig?.tools || []).map(({ toolSpec }) => functionTool(
        toolSpec.name, toolSpec.description, toolSpec.inputSchema.json,
        { strict: toolSpec.strict }));
    const choice = toolConfig?.toolChoice || {};
    const schema = outputConfig?.textFormat?.structure?.jsonSchema;

    return defined({
        messages: [
            ...(system || []).map(({ text: said }) =>
                ({ role: 'system', content: said })),
            ...messages.flatMap(bedrockMessages)],
        tools: tools.length ? tools : undefined,
        tool_choice: !tools.length ? undefined
            : choice.any ? 'required'
            : choice.tool ? { type: 'function',
                              function: { name: choice.tool.name } }
            : undefined,
        max_tokens: config.maxTokens,
        temperature: config.temperature,
        top_p: config.topP,
        stop: config.stopSequences,
        response_format: schema ? { type: 'json_schema', json_schema: {
            ...schema, schema: JSON.parse(schema.schema), strict: true } }
            : undefined
    });
}


function bedrockMessages({ role, content }) {
    const of = (name) => content.filter((block) => block[name])
        .map((block) => block[name]);
    const said = of('text').map((item) => ({ type: 'text', text: item }));
    const calls = of('toolUse').map(({ toolUseId, name, input }) =>
        call(toolUseId, name, write(input)));

    const messages = of('toolResult').map((result) => ({
        role: 'tool', tool_call_id: result.toolUseId,
        content: result.content.map(({ text: item, json }) =>
            ({ type: 'text', text: item ?? write(json) })) }));

    if (said.length || calls.length) {
        messages.push(defined({ role, content: said.length ? said : null,
                                tool_calls: calls.length ? calls
                                    : undefined }));
    }

    return messages;
}
