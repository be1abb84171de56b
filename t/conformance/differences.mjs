/*
 * Copyright (C) LLMBroker contributors
 */


import { exact, write } from './json.mjs';


/*
 * The known and harmless differences between a recorded request and the one
 * that the gateway makes of what a client says in OpenAI's format: all of
 * them, each with its reason.
 *
 *   unsaid   what OpenAI's format cannot ask for: taken out of the recorded
 *            request before a client's request is made of it
 *   same     what means the same to the provider: done to both requests before
 *            they are compared
 */

const serverBlocks = new RegExp('^(server_tool_use|mcp_|container_upload'
    + '|compaction|fallback|tool_addition|tool_removal)|(?<!^tool)_result$');


export const differences = {

    claude: [
        { unsaid: 'Tools that run at Anthropic have no form in OpenAI\'s.',
          change: (request) => keep(request, 'tools', ({ type }) =>
              type === undefined || type === 'custom') },

        { unsaid: 'Nor have their blocks in what was said before (P6).',
          change: (request) => blocks(request, ({ type }) =>
              !serverBlocks.test(type)) },

        { unsaid: 'Files that were uploaded to Anthropic (R35).',
          change: (request) => blocks(request, ({ source, content }) =>
              source?.type !== 'file' && !(Array.isArray(content)
              && content.some((part) => part.source?.type === 'file'))) },

        { unsaid: 'References to tools in what a tool answered.',
          change: (request) => blocks(request, ({ content }) =>
              !(Array.isArray(content) && content.some(({ type }) =>
                  type === 'tool_reference'))) },

        { unsaid: 'Containers and servers of tools (A23).',
          change: (request) => without(request, 'container', 'mcp_servers') },

        { unsaid: 'Tools that are told of later.',
          change: ({ tools }) => (tools || []).forEach((tool) =>
              without(tool, 'defer_loading')) },

        { unsaid: 'Citations of a replayed text; messages have none.',
          change: (request) => eachBlock(request, (block) =>
              without(block, 'citations')) },

        { same: 'A choice among no tools says nothing (R69).',
          change: (request) => request.tools?.length
              || without(request, 'tools', 'tool_choice') },

        { same: '"stream" is what the test asks for.',
          change: (request) => without(request, 'stream') },

        { same: 'A string is one block of text.',
          change: (request) => {
              request.system = texts(request.system);
              request.messages.forEach((message) => {
                  message.content = texts(message.content);
              });
              eachBlock(request, (block) => {
                  if (block.type === 'tool_result') {
                      block.content = texts(block.content);
                  }
              });
          } },

        { same: 'Later system messages are hoisted (R21).',
          change: (request) => {
              const system = request.messages
                  .filter(({ role }) => role === 'system')
                  .flatMap(({ content }) => content);

              request.system = [...request.system || [], ...system];
              keep(request, 'messages', ({ role }) => role !== 'system');
          } },

        { same: 'Turns of the same role in a row are one (R39).',
          change: (request) => {
              request.messages = request.messages.reduce((list, message) => {
                  if (list.at(-1)?.role === message.role) {
                      list.at(-1).content.push(...message.content);

                  } else if (message.content.length) {
                      list.push(message);
                  }

                  return list;
              }, []);
          } },

        { same: 'An empty list or text is none.',
          change: (request) => {
              (request.tools || []).forEach((tool) =>
                  tool.description || without(tool, 'description'));
              request.system?.length || without(request, 'system');
              eachBlock(request, (block) =>
                  block.content?.length === 0 && without(block, 'content'));
          } },

        { same: '"auto" is the default (R63), and false is that of is_error.',
          change: (request) => {
              const { tool_choice: choice } = request;

              if (choice?.type === 'auto' && !choice.disable_parallel_tool_use)
              {
                  without(request, 'tool_choice');
              }

              eachBlock(request, (block) =>
                  block.is_error || without(block, 'is_error'));
          } },

        { same: 'A schema is of an object, with properties (R60).',
          change: ({ tools }) => (tools || []).forEach((tool) => {
              tool.input_schema = { type: 'object', properties: {},
                                    ...tool.input_schema };
          }) }
    ],

    dashscope: [
        { same: 'result_format is always "message" (N), and it does not '
                + 'matter for a prompt; streams are always incremental.',
          change: ({ parameters }) => without(parameters, 'result_format',
                                              'incremental_output') },

        { same: 'A prompt is one message of the user.',
          change: ({ input }) => {
              if (input.prompt !== undefined) {
                  input.messages = [{ role: 'user', content: input.prompt }];
                  without(input, 'prompt');
              }
          } },

        { same: 'A list with one text is that text.',
          change: ({ input }) => input.messages.forEach((message) => {
              const { content } = message;

              if (Array.isArray(content) && content.length === 1
                  && content[0].text !== undefined)
              {
                  message.content = content[0].text;
              }
          }) },

        { same: 'Some clients name a tool\'s answer by "id".',
          change: ({ input }) => input.messages.forEach((message) => {
              if (message.role === 'tool') {
                  message.tool_call_id ||= message.id;
                  without(message, 'id', 'extra');
              }
          }) },

        { same: 'An assistant that only calls tools says nothing.',
          change: ({ input }) => input.messages.forEach((message) =>
              message.content || without(message, 'content')) }
    ],

    gemini: [
        { unsaid: 'Tools that run at Google have no form in OpenAI\'s.',
          change: (request) => keep(request, 'tools', (tool) =>
              tool.functionDeclarations) },

        { unsaid: '"VALIDATED" is no tool_choice of OpenAI\'s.',
          change: ({ toolConfig }) => {
              if (toolConfig?.functionCallingConfig.mode === 'VALIDATED') {
                  toolConfig.functionCallingConfig.mode = 'AUTO';
              }
          } },

        { same: 'Both spellings are known.',
          change: (request) => rename(request, {
              parameters_json_schema: 'parametersJsonSchema',
              function_call: 'functionCall',
              function_response: 'functionResponse',
              thought_signature: 'thoughtSignature' }) },

        { same: 'The instruction\'s role says nothing.',
          change: ({ systemInstruction: system }) =>
              without(system || {}, 'role') },

        { same: 'Text is the default, and an empty object none.',
          change: (request) => {
              const { generationConfig: config = {} } = request;

              if (`${config.responseModalities}` === 'TEXT') {
                  without(config, 'responseModalities');
              }

              Object.keys(config).length
                  || without(request, 'generationConfig');
          } },

        { same: '"AUTO" is the default; all names are no restriction.',
          change: (request) => {
              const config = request.toolConfig?.functionCallingConfig;
              const names = (request.tools || []).flatMap(
                  ({ functionDeclarations: list }) => list || [])
                  .map(({ name }) => name);

              if (config?.mode === 'AUTO') {
                  without(request, 'toolConfig');
              }

              if (config?.allowedFunctionNames?.length === names.length) {
                  without(config, 'allowedFunctionNames');
              }
          } },

        { same: 'An empty description is none.',
          change: (request) => (request.tools || []).flatMap(
              ({ functionDeclarations: list }) => list || [])
              .forEach((item) => item.description
                                 || without(item, 'description')) },

        { same: 'base64 has two alphabets.',
          change: (request) => request.contents.flatMap(
              ({ parts }) => parts).forEach((part) => {
                  part.thoughtSignature &&= part.thoughtSignature
                      .replace(/-/g, '+').replace(/_/g, '/');
              }) }
    ],

    bedrock: [
        { unsaid: 'Tools that run at Amazon have no form in OpenAI\'s.',
          change: ({ toolConfig }) => keep(toolConfig || {}, 'tools',
              ({ toolSpec }) => toolSpec) },

        { unsaid: 'Files in a bucket have no form in OpenAI\'s.',
          change: ({ messages }) => messages.flatMap(({ content }) => content)
              .forEach(({ toolResult }) => keep(toolResult || {}, 'content',
                  ({ image }) => !image?.source.s3Location)) },

        { unsaid: 'The latency that is asked for has no form in OpenAI\'s.',
          change: (request) => without(request, 'performanceConfig') },

        { same: 'An empty list or object is none.',
          change: (request) => {
              const { system, inferenceConfig: config = {} } = request;

              system?.length || without(request, 'system');
              Object.keys(config).length
                  || without(request, 'inferenceConfig');
          } },

        { same: '"auto" and "success" are the defaults.',
          change: ({ toolConfig, messages }) => {
              if (toolConfig?.toolChoice?.auto) {
                  without(toolConfig, 'toolChoice');
              }

              messages.flatMap(({ content }) => content)
                  .forEach(({ toolResult }) =>
                      toolResult?.status === 'success'
                      && without(toolResult, 'status'));
          } },

        { same: 'A result without content is an empty text.',
          change: ({ messages }) => messages.flatMap(({ content }) => content)
              .forEach(({ toolResult }) => {
                  if (toolResult && !toolResult.content.some(({ text }) =>
                      text !== ''))
                  {
                      toolResult.content = [];
                  }
              }) },

        { same: 'The schema of the output is JSON in a string.',
          change: ({ outputConfig }) => {
              const schema = outputConfig?.textFormat?.structure?.jsonSchema;

              if (schema) {
                  schema.schema = JSON.parse(schema.schema);
              }
          } }
    ]
};


/* servers that refuse stream_options, and tell the usage anyway (7.4) */

export const usageUnasked = ['mistral'];


/* the recorded request without what a client cannot say */

export function sayable(dialect, recorded) {
    return apply(dialect, recorded, 'unsaid');
}


export function comparable(dialect, request) {
    return apply(dialect, request, 'same');
}


function apply(dialect, request, kind) {
    const copy = exact(write(request));

    differences[dialect].filter((item) => item[kind])
        .forEach(({ change }) => change(copy));

    return copy;
}


function without(object, ...names) {
    names.forEach((name) => delete object[name]);
}


function keep(object, name, wanted) {
    if (object[name]) {
        object[name] = object[name].filter(wanted);
    }
}


function texts(content) {
    return typeof content === 'string' ? [{ type: 'text', text: content }]
        : content;
}


function blocks(request, wanted) {
    for (const message of request.messages) {
        if (Array.isArray(message.content)) {
            message.content = message.content.filter(wanted);
        }
    }

    keep(request, 'messages', ({ content }) => content.length);
}


function eachBlock(request, change) {
    for (const { content } of request.messages) {
        if (Array.isArray(content)) {
            content.forEach(change);
        }
    }
}


function rename(value, names) {
    if (value === null || typeof value !== 'object') {
        return;
    }

    for (const [name, item] of Object.entries(value)) {
        rename(item, names);

        if (names[name] && !Array.isArray(value)) {
            value[names[name]] = item;
            delete value[name];
        }
    }
}
