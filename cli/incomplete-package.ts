import { DrawbridgeError, messageOf, systemCodeOf } from '../shared/errors.ts';

/** How `bindings`, by which sqlite3 finds its compiled part, says that there is none. */
const NO_COMPILED_PART = /^Could not locate the bindings file\b/;

/** What npm runs where install scripts need somebody's word; docs/install.md says which scripts these are. */
export const INSTALL_SCRIPTS = '--allow-scripts=sqlite3,ssh2,cpu-features';

/**
 * The error to show when a package's compiled part is not there, or is for another system or Node.js: npm installs
 * without a fault where it may not run install scripts. Undefined for any other error.
 */
export function incompletePackage(error: unknown): DrawbridgeError | undefined {
  const missing = NO_COMPILED_PART.test(messageOf(error));
  if (!missing && systemCodeOf(error) !== 'ERR_DLOPEN_FAILED') return undefined;
  const [reason = ''] = messageOf(error).split('\n');
  return new DrawbridgeError(
    'package.incomplete',
    missing
      ? 'The compiled part of a package is missing: npm did not run its install script, or the script failed.'
      : `The compiled part of a package does not fit this machine or this Node.js: ${reason}`,
    {
      hint: missing
        ? `Install Drawbridge again with \`npm install -g ${INSTALL_SCRIPTS} …\`, or take the Debian package, which has it in it.`
        : `Let npm compile it here: \`npm install -g --build-from-source ${INSTALL_SCRIPTS} …\`.`,
      cause: error,
    },
  );
}
