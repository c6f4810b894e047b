// What Argo CD's pages import from 'argo-ui'. A name that is missing here stops the build.
import * as models from './models';
import * as ReactForm from './components/form/compat';

require('./styles/main.scss');

export {models, ReactForm};
export {Form, NestedForm, Text, TextArea, FormField as FormFieldHOC} from './components/form/compat';
export {AppContextReact} from './context';
export {Autocomplete} from './components/autocomplete/autocomplete';
export {AutocompleteField} from './components/autocomplete/autocomplete-field';
export {Checkbox} from './components/checkbox';
export {DataLoader} from './components/data-loader';
export {DropDown} from './components/dropdown/dropdown';
export {DropDownMenu} from './components/dropdown-menu';
export {Duration} from './components/duration';
export {ErrorNotification} from './components/error-notification';
export {FormField, FormSelect, getNestedField} from './components/form-field';
export {HelpIcon} from './components/help-icon/help-icon';
export {MockupList} from './components/mockup-list/mockup-list';
export {NavigationManager} from './components/navigation';
export {NotificationsManager} from './components/notifications/notification-manager';
export {Notifications, NotificationType} from './components/notifications/notifications';
export {Page, PageContext} from './components/page/page';
export {Popup} from './components/popup/popup';
export {PopupManager} from './components/popup/popup-manager';
export {Select} from './components/select/select';
export {SlidingPanel} from './components/sliding-panel/sliding-panel';
export {Tabs} from './components/tabs/tabs';
export {Ticker} from './components/ticker';
export {Tooltip} from './components/tooltip/tooltip';
