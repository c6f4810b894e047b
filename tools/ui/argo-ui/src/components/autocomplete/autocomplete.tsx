// A text field with a list of suggestions. The package's own is built on react-autocomplete, which needs React 16.
import * as classNames from 'classnames';
import * as React from 'react';

export interface AutocompleteOption {
    value: string;
    label?: string;
}

export interface AutocompleteProps {
    items: (AutocompleteOption | string)[];
    value?: string;
    inputProps?: React.InputHTMLAttributes<HTMLInputElement>;
    wrapperProps?: React.HTMLAttributes<HTMLDivElement>;
    renderInput?: (props: React.InputHTMLAttributes<HTMLInputElement>) => React.ReactNode;
    renderItem?: (item: AutocompleteOption) => React.ReactNode;
    onChange?: (event: React.ChangeEvent<HTMLInputElement>, value: string) => void;
    onSelect?: (value: string, item: AutocompleteOption) => void;
    autoCompleteRef?: (api: {refresh(): void}) => any;
    filterSuggestions?: boolean;
    qeid?: string;
}

export const Autocomplete = (props: AutocompleteProps) => {
    const [open, setOpen] = React.useState(false);
    const [marked, setMarked] = React.useState(0);

    React.useEffect(() => {
        props.autoCompleteRef?.({refresh: () => setMarked(0)});
    }, []);

    const typed = (props.value || '').toLowerCase();
    const items = (props.items || [])
        .map(item => (typeof item === 'string' ? {value: item, label: item} : {value: item.value, label: item.label || item.value}))
        .filter(item => !props.filterSuggestions || item.label.toLowerCase().includes(typed));

    const select = (item: AutocompleteOption) => {
        setOpen(false);
        props.onSelect?.(item.label, item);
    };
    const onKeyDown = (event: React.KeyboardEvent<HTMLInputElement>) => {
        if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
            event.preventDefault();
            setOpen(true);
            setMarked(Math.max(0, Math.min(items.length - 1, marked + (event.key === 'ArrowDown' ? 1 : -1))));
        } else if (event.key === 'Enter' && open && items[marked]) {
            event.preventDefault();
            select(items[marked]);
        } else if (event.key === 'Escape') {
            setOpen(false);
        }
        props.inputProps?.onKeyDown?.(event);
    };
    const input: React.InputHTMLAttributes<HTMLInputElement> = {
        ...props.inputProps,
        autoComplete: 'off',
        value: props.value || '',
        onChange: event => {
            setOpen(true);
            setMarked(0);
            props.onChange?.(event, event.target.value);
        },
        onFocus: event => {
            setOpen(true);
            props.inputProps?.onFocus?.(event);
        },
        onBlur: event => {
            setOpen(false);
            props.inputProps?.onBlur?.(event);
        },
        onKeyDown
    };

    return (
        <div {...props.wrapperProps} className={classNames('select', props.wrapperProps?.className)}>
            {props.renderInput ? props.renderInput(input) : <input {...input} />}
            {open && items.length > 0 && (
                <div className='select__options opened' style={{top: '100%'}}>
                    {items.map((item, i) => (
                        // The press, not the click: the field loses its focus before the click, and the list closes.
                        <div
                            key={item.value}
                            className={classNames('select__option', {selected: i === marked})}
                            onMouseDown={event => {
                                event.preventDefault();
                                select(item);
                            }}>
                            {props.renderItem?.(item) || item.label}
                        </div>
                    ))}
                </div>
            )}
        </div>
    );
};
