import * as React from 'react';
import {Tooltip as PlainTooltip} from '../src/components/tooltip/tooltip';

export const Tooltip = ({inverted, ...props}: any) => <PlainTooltip {...props} />;

export const Checkbox = (props: {value: boolean; onChange: (value: boolean) => void; style?: React.CSSProperties}) => (
    <span className='argo-checkbox' style={props.style}>
        <input type='checkbox' checked={!!props.value} onChange={event => props.onChange(event.target.checked)} />
        <span>
            <i className='fa fa-check' />
        </span>
    </span>
);

export const ActionButton = (props: {
    action: (event: React.MouseEvent) => void;
    label?: string;
    icon?: string;
    tooltip?: string;
    disabled?: boolean;
    style?: React.CSSProperties;
}) => (
    <button
        type='button'
        className='argo-button argo-button--base'
        title={props.tooltip}
        style={props.style}
        disabled={props.disabled}
        onClick={props.action}>
        {props.icon && <i className={`fa ${props.icon}`} />} {props.label}
    </button>
);

/** A text field with the browser's own list of suggestions; Enter takes what is typed. */
export const Autocomplete = (props: {
    items: string[];
    value: string;
    placeholder?: string;
    onChange: (event: React.ChangeEvent<HTMLInputElement>) => void;
    onItemClick: (value: string) => void;
    style?: React.CSSProperties;
    inputStyle?: React.CSSProperties;
}) => {
    const id = React.useId();
    return (
        <div style={props.style}>
            <input
                list={id}
                value={props.value}
                placeholder={props.placeholder}
                style={props.inputStyle}
                onChange={props.onChange}
                onKeyDown={event => event.key === 'Enter' && props.onItemClick(props.value)}
            />
            <datalist id={id}>
                {(props.items || []).map(item => (
                    <option key={item} value={item} />
                ))}
            </datalist>
        </div>
    );
};
