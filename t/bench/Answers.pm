package Answers;

# What providers answer, byte for byte the same each time: buffered with a text
# of that many bytes, and streams of that many events of text.

use strict;
use warnings;


my @words = split ' ', 'naïve gateways carry what models say: each word, '
                    . '\\"quoted\\" or not, is one event, and no two that '
                    . 'follow each other are alike, not even those with '
                    . 'numbers such as 3.14 or 2,718 and\\nlines too.';

my %buffered = (
    openai => '{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":'
        . '"chat.completion","created":1741569952,"model":"gpt-4o-2024-11-20",'
        . '"choices":[{"index":0,"message":{"role":"assistant","content":'
        . '"%s","refusal":null,"annotations":[]},"logprobs":null,'
        . '"finish_reason":"stop"}],"usage":{"prompt_tokens":219,'
        . '"completion_tokens":210,"total_tokens":429,"prompt_tokens_details":'
        . '{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":'
        . '{"reasoning_tokens":0,"audio_tokens":0,'
        . '"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},'
        . '"service_tier":"default","system_fingerprint":"fp_44709d6fcb"}',

    claude => '{"id":"msg_013Zva2CMHLNnXjNJJKqJ2EF","type":"message","role":'
        . '"assistant","model":"claude-sonnet-4-5-20250929","content":[{"type":'
        . '"text","text":"%s"}],"stop_reason":"end_turn","stop_sequence":null,'
        . '"usage":{"input_tokens":219,"cache_creation_input_tokens":0,'
        . '"cache_read_input_tokens":0,"cache_creation":'
        . '{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},'
        . '"output_tokens":210,"service_tier":"standard"}}',

    qwen => '{"output":{"choices":[{"finish_reason":"stop","message":{"role":'
        . '"assistant","content":"%s"}}]},"usage":{"total_tokens":429,'
        . '"output_tokens":210,"input_tokens":219,"prompt_tokens_details":'
        . '{"cached_tokens":0}},"request_id":'
        . '"902fee3b-f7f0-9a8c-96a1-6b4ea25af114"}',

    gemini => '{"candidates":[{"content":{"parts":[{"text":"%s"}],"role":'
        . '"model"},"finishReason":"STOP","index":0}],"usageMetadata":'
        . '{"promptTokenCount":219,"candidatesTokenCount":210,'
        . '"totalTokenCount":429,"promptTokensDetails":[{"modality":"TEXT",'
        . '"tokenCount":219}]},"modelVersion":"gemini-2.5-flash","responseId":'
        . '"aO7_Z9yKFqS0vdIPhqOz4AY"}',
);

my $chunk = 'data: {"id":"chatcmpl-BQwB3kKwwJ2bZsHLmAqk4rhTsHcPa","object":'
            . '"chat.completion.chunk","created":1741569952,"model":'
            . '"gpt-4o-2024-11-20","service_tier":"default",'
            . '"system_fingerprint":"fp_44709d6fcb","choices":[%s],'
            . qq("usage":%s}\n\n);
my $usage = '{"prompt_tokens":219,"completion_tokens":210,"total_tokens":429,'
            . '"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},'
            . '"completion_tokens_details":{"reasoning_tokens":0,'
            . '"audio_tokens":0}}';

my $event = qq(event: %s\ndata: {"type":"%1\$s"%s}\n\n);

my $result = qq(id:%d\nevent:result\n:HTTP_STATUS/200\ndata:{"output":)
             . '{"choices":[{"message":{"content":"%s","role":"assistant"},'
             . '"index":0,"finish_reason":"%s"}]},"usage":{"total_tokens":%d,'
             . '"output_tokens":%d,"input_tokens":219,"prompt_tokens_details":'
             . '{"cached_tokens":0}},"request_id":'
             . qq("902fee3b-f7f0-9a8c-96a1-6b4ea25af114"}\n\n);


sub word {
    my ($i) = @_;

    return ' ' . $words[($i - 1) % @words];
}


sub buffered {
    my ($provider, $size) = @_;

    my ($text, $i) = ('', 1);

    $text .= word($i++) while length $text < $size;

    my $body = sprintf $buffered{$provider}, $text;

    return "HTTP/1.1 200 OK\r\nDate: Fri, 27 Nov 2026 12:00:00 GMT\r\n"
           . "Content-Type: application/json\r\nContent-Length: "
           . length($body) . "\r\nConnection: keep-alive\r\n"
           . "x-request-id: req_4e1b9cdd7a52\r\n\r\n$body";
}


# the header, then each event, a chunk of its own

sub stream {
    my ($provider, $n) = @_;

    my %events = (openai => \&openai, claude => \&claude, qwen => \&qwen);
    my @chunks = map { sprintf "%x\r\n%s\r\n", length, $_ }
                 $events{$provider}->($n);

    return ("HTTP/1.1 200 OK\r\nDate: Fri, 27 Nov 2026 12:00:00 GMT\r\n"
            . "Content-Type: text/event-stream; charset=utf-8\r\n"
            . "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n"
            . "x-request-id: req_4e1b9cdd7a52\r\n\r\n",
            @chunks, "0\r\n\r\n");
}


sub openai {
    my ($n) = @_;

    my $choice = '{"index":0,"delta":{%s},"logprobs":null,"finish_reason":%s}';

    return (
        sprintf($chunk, sprintf($choice, '"role":"assistant","content":"",'
                                         . '"refusal":null', 'null'), 'null'),
        (map { sprintf $chunk, sprintf($choice, '"content":"' . word($_) . '"',
                                       'null'), 'null' } 1 .. $n),
        sprintf($chunk, sprintf($choice, '', '"stop"'), 'null'),
        sprintf($chunk, '', $usage),
        "data: [DONE]\n\n",
    );
}


sub claude {
    my ($n) = @_;

    return (
        sprintf($event, 'message_start', ',"message":{"id":'
                . '"msg_013Zva2CMHLNnXjNJJKqJ2EF","type":"message","role":'
                . '"assistant","model":"claude-sonnet-4-5-20250929","content":'
                . '[],"stop_reason":null,"stop_sequence":null,"usage":'
                . '{"input_tokens":219,"cache_creation_input_tokens":0,'
                . '"cache_read_input_tokens":0,"output_tokens":1}}'),
        sprintf($event, 'content_block_start', ',"index":0,"content_block":'
                . '{"type":"text","text":""}'),
        sprintf($event, 'ping', ''),
        (map { sprintf $event, 'content_block_delta', ',"index":0,"delta":'
                       . '{"type":"text_delta","text":"' . word($_) . '"}' }
             1 .. $n),
        sprintf($event, 'content_block_stop', ',"index":0'),
        sprintf($event, 'message_delta', ',"delta":{"stop_reason":"end_turn",'
                . '"stop_sequence":null},"usage":{"input_tokens":219,'
                . '"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
                . '"output_tokens":210}'),
        sprintf($event, 'message_stop', ''),
    );
}


sub qwen {
    my ($n) = @_;

    return ((map { sprintf $result, $_, word($_), 'null', 219 + $_, $_ }
                 1 .. $n),
            sprintf $result, $n + 1, '', 'stop', 219 + $n, $n);
}


1;
