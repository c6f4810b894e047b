// The context of the components that are classes. React 19 has no `contextTypes` any more, so it is an object.
import * as React from 'react';

export interface AppContext {
    router: any;
    apis: {popup: any; notifications: any};
    history: any;
}

export const AppContextReact = React.createContext<AppContext>(null);
