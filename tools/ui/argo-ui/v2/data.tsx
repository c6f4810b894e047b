import * as moment from 'moment';
import * as React from 'react';

export const ago = (date: Date) => moment(date).fromNow();

/** The result of `load`, whether it is still loading, and the error with a function that tries again. */
export function useData<T>(load: () => Promise<T>, initial?: T, loaded?: (data: T) => any, dependencies: any[] = []): [T, boolean, {state: boolean; retry: () => void}] {
    const [state, setState] = React.useState({data: initial, loading: true, failed: false});
    const [attempt, setAttempt] = React.useState(0);

    React.useEffect(() => {
        let current = true;
        load().then(
            data => {
                if (current) {
                    setState({data, loading: false, failed: false});
                    loaded?.(data);
                }
            },
            () => current && setState(before => ({...before, loading: false, failed: true}))
        );
        return () => {
            current = false;
        };
    }, [attempt, ...dependencies]);

    const retry = () => {
        setState(before => ({...before, loading: true, failed: false}));
        setAttempt(attempt + 1);
    };
    return [state.data, state.loading, {state: state.failed, retry}];
}
