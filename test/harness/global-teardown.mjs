export default () => globalThis.signoffTearDown?.();
