// Shortcuts of the keyboard. The numbers are those of KeyboardEvent.keyCode.
import * as React from 'react';

export enum Key {
    ENTER = 13,
    ESCAPE = 27,
    LEFT = 37,
    UP = 38,
    RIGHT = 39,
    DOWN = 40,
    SLASH = 191
}

// Argo CD takes all values of these two as keys. The values of a TypeScript enum would include their names.
export const NumKey = Object.fromEntries(Array.from({length: 10}, (_, i) => [`DIGIT_${i}`, 48 + i]));
export const NumPadKey = Object.fromEntries(Array.from({length: 10}, (_, i) => [`NUMPAD_${i}`, 96 + i]));

export const NumKeyToNumber = (key: number) => (key >= 96 ? key - 96 : key - 48);

export interface Keybinding {
    keys: number | number[];
    /** Returns whether it did something; if so, the browser does nothing else with the key. */
    action: (key: number) => boolean;
}

type Register = (binding: Keybinding) => void;

export const KeybindingContext = React.createContext<{registerKeybinding: Register}>({registerKeybinding: () => null});

export const KeybindingProvider = ({children}: {children: React.ReactNode}) => {
    // Pages register the same keys in every render, so the newest action counts.
    const [actions] = React.useState(() => new Map<number, Keybinding['action']>());
    const [context] = React.useState(() => ({
        registerKeybinding: (({keys, action}) => [keys].flat().forEach(key => actions.set(key, action))) as Register
    }));

    React.useEffect(() => {
        const listener = (event: KeyboardEvent) => {
            const typing = /^(INPUT|TEXTAREA|SELECT)$/.test((event.target as HTMLElement).tagName);
            if ((!typing || event.keyCode === Key.ESCAPE) && actions.get(event.keyCode)?.(event.keyCode)) {
                event.preventDefault();
            }
        };
        document.addEventListener('keydown', listener);
        return () => document.removeEventListener('keydown', listener);
    }, []);

    return <KeybindingContext.Provider value={context}>{children}</KeybindingContext.Provider>;
};

/** The position in a list of `count` items, -1 for none; a function that moves it; one that resets it. */
export function useNav(count: number, initial = -1): [number, (by: number) => boolean, () => boolean] {
    const [position, setPosition] = React.useState(initial);
    const move = (by: number) => {
        setPosition(Math.max(0, Math.min(count - 1, position + by)));
        return true;
    };
    const reset = () => {
        setPosition(-1);
        return position > -1;
    };
    return [position, move, reset];
}
