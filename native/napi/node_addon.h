// The one door to Node-API. Every file of this folder includes this header instead of napi.h, so that all of them agree
// on the version and on what is allowed in finalizers.
#pragma once

// What Node 20 and everything later offers.
#define NAPI_VERSION 8
// A finalizer may run during garbage collection, where calling back into the engine is forbidden.
#define NODE_ADDON_API_REQUIRE_BASIC_FINALIZERS
// Runtimes with a sandboxed heap refuse memory that they did not allocate themselves: results are copied into arrays
// that JavaScript owns.
#define NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
// Once an environment is being terminated no exception can be thrown into it any more; that is no reason to end the
// process.
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#ifndef NAPI_CPP_EXCEPTIONS
#define NAPI_CPP_EXCEPTIONS
#endif

#include <napi.h>
