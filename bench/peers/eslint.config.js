// The rules of the project; its own configuration leaves this folder out because the peers need not be installed.
export { default } from '../../eslint.config.js';
