async def mixed_steps(request, scope):
    if request.content is None and not request.take_content():
        await request.read()
    errors = []
    user = read_user(request, errors)
    if errors:
        raise ValidationFailed(errors)
    make_session_async = await scope.enter_async(make_make_session_async(user), make_make_session_async)
    def in_worker(request):
        lambda_ = make_lambda()
        value = handler(lambda_, make_session_async)
        return scope.close_here(respond(value).owned_by(request.exchange))
    response = await scope.hop(request.exchange.loop_state.handlers, in_worker, profile)
    return response


async def mixed_core(request, scope):
    try:
        try:
            response = await scope.complete(await mixed_steps(request, scope))
        except BaseException as failure:
            raise await scope.fail(failure)
        return response
    except Pass:
        raise
    except Exception as error:
        return await convert(request, error)


async def mixed(request):
    scope = Scope(request, request.deadline_at is not None)
    if request.deadline_at is None:
        response = await mixed_core(request, scope)
    else:
        response = await guard(request, mixed_core, scope)
    return response
