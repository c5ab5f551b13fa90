"""What real clients sent: curl 7.88, clients of Python and Node.js, Chromium; others as they are known to."""

from __future__ import annotations

REQUESTS = {
    "curl": (b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:8765\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"),
    "curl, body": (
        b"POST /v1 HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"User-Agent: curl/7.88.1\r\n"
        b"Accept: */*\r\n"
        b"Content-Type: application/json\r\n"
        b"Content-Length: 45\r\n"
        b"\r\n"
        b'{"messages":[{"role":"user","content":"hi"}]}'
    ),
    "curl, Expect": (
        b"POST /v1 HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"User-Agent: curl/7.88.1\r\n"
        b"Accept: */*\r\n"
        b"Expect: 100-continue\r\n"
        b"Content-Length: 45\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"\r\n"
        b'{"messages":[{"role":"user","content":"hi"}]}'
    ),
    "curl, chunked": (
        b"POST /v1 HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"User-Agent: curl/7.88.1\r\n"
        b"Accept: */*\r\n"
        b"Transfer-Encoding: chunked\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"\r\n"
        b"2d\r\n"
        b'{"messages":[{"role":"user","content":"hi"}]}\r\n'
        b"0\r\n"
        b"\r\n"
    ),
    "curl, proxy": (
        b"GET http://example.com/a?b=c HTTP/1.1\r\n"
        b"Host: example.com\r\n"
        b"User-Agent: curl/7.88.1\r\n"
        b"Accept: */*\r\n"
        b"Proxy-Connection: Keep-Alive\r\n"
        b"\r\n"
    ),
    "curl, h2c": (
        b"GET /health HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"User-Agent: curl/7.88.1\r\n"
        b"Accept: */*\r\n"
        b"Connection: Upgrade, HTTP2-Settings\r\n"
        b"Upgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
        b"\r\n"
    ),
    "curl, 1.0": (b"GET /health HTTP/1.0\r\nHost: 127.0.0.1:8765\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"),
    "http.client": (
        b"GET /a HTTP/1.1\r\n"
        b"Accept-Encoding: identity\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"User-Agent: Python-urllib/3.11\r\n"
        b"Connection: close\r\n"
        b"\r\n"
    ),
    "httpx": (
        b"POST /a HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"Accept: */*\r\n"
        b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
        b"Connection: keep-alive\r\n"
        b"User-Agent: python-httpx/0.28.1\r\n"
        b"Content-Length: 7\r\n"
        b"Content-Type: application/json\r\n"
        b"\r\n"
        b'{"a":1}'
    ),
    "httpx, chunked": (
        b"POST /a HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"Accept: */*\r\n"
        b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
        b"Connection: keep-alive\r\n"
        b"User-Agent: python-httpx/0.28.1\r\n"
        b"Transfer-Encoding: chunked\r\n"
        b"\r\n"
        b"2\r\n"
        b"ab\r\n"
        b"1\r\n"
        b"c\r\n"
        b"0\r\n"
        b"\r\n"
    ),
    "requests": (
        b"POST /a HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"User-Agent: python-requests/2.34.2\r\n"
        b"Accept-Encoding: gzip, deflate, br\r\n"
        b"Accept: */*\r\n"
        b"Connection: keep-alive\r\n"
        b"Transfer-Encoding: chunked\r\n"
        b"\r\n"
        b"2\r\n"
        b"ab\r\n"
        b"1\r\n"
        b"c\r\n"
        b"0\r\n"
        b"\r\n"
    ),
    "openai": (
        b"POST /v1/chat/completions HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"Accept-Encoding: gzip, deflate, br\r\n"
        b"Connection: keep-alive\r\n"
        b"authorization: Bearer k\r\n"
        b"accept: application/json\r\n"
        b"content-type: application/json\r\n"
        b"user-agent: OpenAI/Python 3.57.0\r\n"
        b"x-stainless-lang: python\r\n"
        b"x-stainless-package-version: 3.57.0\r\n"
        b"x-stainless-os: Linux\r\n"
        b"x-stainless-arch: x64\r\n"
        b"x-stainless-runtime: CPython\r\n"
        b"x-stainless-runtime-version: 3.11.7\r\n"
        b"x-stainless-async: false\r\n"
        b"x-stainless-retry-count: 0\r\n"
        b"x-stainless-read-timeout: 600\r\n"
        b"Content-Length: 61\r\n"
        b"\r\n"
        b'{"model":"gpt-4","messages":[{"role":"user","content":"hi"}]}'
    ),
    "node fetch": (
        b"POST /a HTTP/1.1\r\n"
        b"host: 127.0.0.1:8765\r\n"
        b"connection: keep-alive\r\n"
        b"content-type: text/plain;charset=UTF-8\r\n"
        b"accept: */*\r\n"
        b"accept-language: *\r\n"
        b"sec-fetch-mode: cors\r\n"
        b"user-agent: node\r\n"
        b"accept-encoding: gzip, deflate\r\n"
        b"content-length: 3\r\n"
        b"\r\n"
        b"abc"
    ),
    "node http, chunked": (
        b"POST /a HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"Connection: keep-alive\r\n"
        b"Transfer-Encoding: chunked\r\n"
        b"\r\n"
        b"2\r\n"
        b"ab\r\n"
        b"1\r\n"
        b"c\r\n"
        b"0\r\n"
        b"\r\n"
    ),
    "chromium": (
        b"GET /a HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"Connection: keep-alive\r\n"
        b'sec-ch-ua: "Not:A-Brand";v="8", "Chromium";v="156"\r\n'
        b"sec-ch-ua-mobile: ?0\r\n"
        b'sec-ch-ua-platform: "Linux"\r\n'
        b"Upgrade-Insecure-Requests: 1\r\n"
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Headles"
        b"sChrome/156.0.0.0 Safari/537.36\r\n"
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/jxl,image/avif,image/w"
        b"ebp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\r\n"
        b"Sec-Fetch-Site: none\r\n"
        b"Sec-Fetch-Mode: navigate\r\n"
        b"Sec-Fetch-User: ?1\r\n"
        b"Sec-Fetch-Dest: document\r\n"
        b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
        b"Accept-Language: en-US,en;q=0.9\r\n"
        b"\r\n"
    ),
    "wrk": (b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:8765\r\n\r\n"),
    "ab": (b"GET /a HTTP/1.0\r\nHost: 127.0.0.1:8765\r\nUser-Agent: ApacheBench/2.3\r\nAccept: */*\r\n\r\n"),
    "ab -k": (
        b"POST /a HTTP/1.0\r\n"
        b"Connection: Keep-Alive\r\n"
        b"Content-length: 2\r\n"
        b"Content-type: text/plain\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"User-Agent: ApacheBench/2.3\r\n"
        b"Accept: */*\r\n"
        b"\r\n"
        b"{}"
    ),
    "aiohttp": (
        b"POST /a HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"Accept: */*\r\n"
        b"Accept-Encoding: gzip, deflate\r\n"
        b"User-Agent: Python/3.11 aiohttp/3.12\r\n"
        b"Content-Length: 8\r\n"
        b"Content-Type: application/json\r\n"
        b"\r\n"
        b'{"a": 1}'
    ),
    "net/http": (
        b"POST /a HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"User-Agent: Go-http-client/1.1\r\n"
        b"Transfer-Encoding: chunked\r\n"
        b"Accept-Encoding: gzip\r\n"
        b"\r\n"
        b"3\r\n"
        b"abc\r\n"
        b"0\r\n"
        b"\r\n"
    ),
    "net/http, trailer": (
        b"POST /a HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"User-Agent: Go-http-client/1.1\r\n"
        b"Transfer-Encoding: chunked\r\n"
        b"Trailer: X-Sum\r\n"
        b"Accept-Encoding: gzip\r\n"
        b"\r\n"
        b"3\r\n"
        b"abc\r\n"
        b"0\r\n"
        b"X-Sum: 1\r\n"
        b"\r\n"
    ),
    "aws, signed chunks": (
        b"PUT /a HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"Transfer-Encoding: chunked\r\n"
        b"\r\n"
        b"3;chunk-signature=0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f\r\n"
        b"abc\r\n"
        b"0;chunk-signature=0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f\r\n"
        b"\r\n"
    ),
    "hyper": (
        b"GET /a HTTP/1.1\r\n"
        b"accept: */*\r\n"
        b"authorization: Bearer test-integration-token\r\n"
        b"host: 127.0.0.1:8765\r\n"
        b"\r\n"
    ),
    "Firefox": (
        b"GET /a HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
        b"Accept: text/event-stream\r\n"
        b"Accept-Language: en-US,en;q=0.5\r\n"
        b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
        b"Connection: keep-alive\r\n"
        b"Sec-Fetch-Dest: empty\r\n"
        b"Priority: u=4\r\n"
        b"Pragma: no-cache\r\n"
        b"Cache-Control: no-cache\r\n"
        b"\r\n"
    ),
    "WebSocket": (
        b"GET /a HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8765\r\n"
        b"Connection: Upgrade\r\n"
        b"Pragma: no-cache\r\n"
        b"Upgrade: websocket\r\n"
        b"Origin: http://127.0.0.1\r\n"
        b"Sec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"\r\n"
    ),
}
