/**
 * While promises of Dawn wait, it asks for their results at every turn of Node's event loop, without a pause: half of
 * a core, which an adapter in software computes on. With this it asks once a millisecond. What it hands to
 * `setImmediate` is native code, which nothing else here does.
 */

const immediate = globalThis.setImmediate;

globalThis.setImmediate = Object.assign((callback, ...values) => {
  const isNative = /\{ \[native code\] \}$/.test(Function.prototype.toString.call(callback));
  return isNative ? setTimeout(callback, 1, ...values) : immediate(callback, ...values);
}, immediate);
