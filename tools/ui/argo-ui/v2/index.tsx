// What Argo CD's pages import from 'argo-ui/v2', of which the package has nothing.
export {Key, KeybindingContext, KeybindingProvider, NumKey, NumKeyToNumber, NumPadKey, useNav} from './keys';
export {ago, useData} from './data';
export {ActionButton, Autocomplete, Checkbox, Tooltip} from './components';
