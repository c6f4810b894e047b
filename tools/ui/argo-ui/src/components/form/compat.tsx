// Forms with the interface of react-form 2, as far as Argo CD's pages use it. react-form 2 itself needs React 16.
import * as React from 'react';

type Values = any;
type Errors = {[field: string]: any};

export interface FormState {
    values: Values;
    touched: Values;
    errors: Errors;
}

export interface FormApi extends FormState {
    getFormState(): FormState;
    setFormState(state: Partial<FormState>): void;
    setAllValues(values: Values): void;
    resetAll(): void;
    getValue(field: string): any;
    setValue(field: string, value: any): void;
    getError(field: string): any;
    setError(field: string, error: any): void;
    getTouched(field: string): any;
    setTouched(field: string, touched?: boolean): void;
    submitForm(event?: React.SyntheticEvent): void;
}

export interface FieldApi {
    getValue(): any;
    setValue(value: any): void;
    getError(): any;
    getTouched(): any;
    setTouched(touched?: boolean): void;
}

interface FormProps {
    children: React.ReactNode | ((api: FormApi) => React.ReactNode);
    defaultValues?: Values;
    validateError?: (values: Values) => Errors;
    preSubmit?: (values: Values) => Values;
    onSubmit?: (values: Values, event: React.SyntheticEvent, api: FormApi) => any;
    onSubmitFailure?: (errors: Errors, api: FormApi) => any;
    getApi?: (api: FormApi) => any;
    formDidUpdate?: (state: FormState) => any;
}

/** 'spec.sources[0].path' is spec, sources, 0, path. */
const steps = (field: string) => String(field).split(/[.[\]]+/).filter(step => step !== '');

const read = (from: any, path: string[]): any => path.reduce((at, step) => (at === undefined || at === null ? undefined : at[step]), from);

/** A copy of `into` with the value at `path`; what is beside the path is shared. */
function written(into: any, [step, ...rest]: string[], value: any): any {
    const copy = Array.isArray(into) ? [...into] : into === undefined || into === null ? (/^\d+$/.test(step) ? [] : {}) : {...into};
    copy[step] = rest.length ? written(copy[step], rest, value) : value;
    return copy;
}

/** The same structure, with true for each value. */
const allTouched = (values: any): any =>
    values && typeof values === 'object' ? Object.fromEntries(Object.keys(values).map(key => [key, allTouched(values[key])])) : true;

const FormContext = React.createContext<FormApi>(null);

export class Form extends React.Component<FormProps> {
    // Pages read a value directly after they set it, before React renders again. So it is not in React's state.
    private current: FormState;

    constructor(props: FormProps) {
        super(props);
        this.current = this.initial();
    }

    public componentDidMount() {
        this.props.getApi?.(this.api());
    }

    public render() {
        const api = this.api();
        const {children} = this.props;
        return <FormContext.Provider value={api}>{typeof children === 'function' ? children(api) : children}</FormContext.Provider>;
    }

    private initial(): FormState {
        const values = {...this.props.defaultValues};
        return {values, touched: {}, errors: this.props.validateError?.(values) || {}};
    }

    private change(next: Partial<FormState>) {
        const state = {...this.current, ...next};
        const validate = 'values' in next && !('errors' in next) && this.props.validateError;
        this.current = validate ? {...state, errors: validate(state.values) || {}} : state;
        this.forceUpdate();
        this.props.formDidUpdate?.(this.current);
    }

    private submit(event?: React.SyntheticEvent) {
        event?.preventDefault?.();
        const errors = this.props.validateError?.(this.current.values) || {};
        const touched = Object.keys(errors).reduce((all, field) => written(all, steps(field), true), allTouched(this.current.values));
        this.change({touched, errors});
        if (Object.values(errors).some(error => error)) {
            this.props.onSubmitFailure?.(errors, this.api());
            return;
        }
        const values = this.current.values;
        this.props.onSubmit?.(this.props.preSubmit?.(values) ?? values, event, this.api());
    }

    /** A new object for each render, because the React Compiler skips what has not changed; it always reads the newest state. */
    private api(): FormApi {
        const form = this;
        return {
            get values() {
                return form.current.values;
            },
            get touched() {
                return form.current.touched;
            },
            get errors() {
                return form.current.errors;
            },
            getFormState: () => form.current,
            setFormState: state => form.change({errors: form.current.errors, ...state}),
            setAllValues: values => form.change({values: {...values}}),
            resetAll: () => form.change(form.initial()),
            getValue: field => read(form.current.values, steps(field)),
            setValue: (field, value) => form.change({values: written(form.current.values, steps(field), value)}),
            getError: field => form.current.errors[field],
            setError: (field, error) => form.change({errors: {...form.current.errors, [field]: error}}),
            getTouched: field => read(form.current.touched, steps(field)),
            setTouched: (field, touched = true) => form.change({touched: written(form.current.touched, steps(field), touched)}),
            submitForm: event => form.submit(event)
        };
    }
}

/** A form whose values are one value of the form around it. Its errors do not stop the outer form. */
export const NestedForm = ({field, children}: {field: string; children: React.ReactElement<FormProps>}) => {
    const outer = React.useContext(FormContext);
    return React.cloneElement(children, {
        defaultValues: {...children.props.defaultValues, ...outer.getValue(field)},
        getApi: (api: FormApi) => outer.setValue(field, api.values),
        formDidUpdate: (state: FormState) => outer.setValue(field, state.values)
    });
};

/** A component that gets `fieldApi`, from a component that gets `field`. */
export function FormField(Component: React.ComponentType<any>): React.ComponentType<any> {
    return function Field(props: {field: string}) {
        const form = React.useContext(FormContext);
        const {field, ...rest} = props;
        const fieldApi: FieldApi = {
            getValue: () => form.getValue(field),
            setValue: value => form.setValue(field, value),
            getError: () => form.getError(field),
            getTouched: () => form.getTouched(field),
            setTouched: touched => form.setTouched(field, touched)
        };
        return <Component {...rest} fieldApi={fieldApi} />;
    };
}

const input = (Tag: 'input' | 'textarea') =>
    FormField(({fieldApi, ...rest}: {fieldApi: FieldApi; onBlur?: (event: any) => void}) => (
        <Tag
            {...rest}
            value={fieldApi.getValue() ?? ''}
            onChange={(event: any) => fieldApi.setValue(event.target.value)}
            onBlur={(event: any) => {
                fieldApi.setTouched();
                rest.onBlur?.(event);
            }}
        />
    ));

export const Text = input('input');
export const TextArea = input('textarea');
