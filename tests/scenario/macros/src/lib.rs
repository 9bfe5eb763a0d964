//! The attribute `#[scenario]`. The crate `scenario` re-exports and explains it.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Error, Ident, ItemFn, parse_macro_input, punctuated::Punctuated, spanned::Spanned, token::Comma};

/// Registers a function as a scenario, to be run by `scenario::run`. See the crate `scenario`.
#[proc_macro_attribute]
pub fn scenario(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(arguments with Punctuated::<Ident, Comma>::parse_terminated);
    let function = parse_macro_input!(item as ItemFn);
    register(&options, &function).unwrap_or_else(Error::into_compile_error).into()
}

fn register(
    options: &Punctuated<Ident, Comma>,
    function: &ItemFn,
) -> Result<proc_macro2::TokenStream, Error> {
    let signature = &function.sig;
    let name = &signature.ident;
    let (take, call) = match signature.inputs.len() {
        0 => (quote!(let _ = fixture;), quote!(#name())),
        1 => (quote!(let argument = fixture.shared()?;), quote!(#name(argument))),
        _ => return Err(Error::new(signature.inputs.span(), "a scenario takes at most its fixture")),
    };
    let body =
        if signature.asyncness.is_some() { quote!(waiting(#call)) } else { quote!(blocking(move || #call)) };
    let options = options.iter();
    Ok(quote! {
        #function

        ::scenario::submit! {
            ::scenario::Scenario::new(
                ::core::module_path!(),
                ::core::stringify!(#name),
                |fixture| {
                    #take
                    ::core::result::Result::Ok(::scenario::Body::#body)
                },
            ) #(.#options())*
        }
    })
}
